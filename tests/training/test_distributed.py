"""Two processes train as one does; one that is killed ends the training with a line, and the next run goes on.

This module is also what torchrun runs in the two processes.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from ruamel.yaml import YAML
from torch import nn
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure, get_error_handler
from torch.nn.parallel import DistributedDataParallel

from bench.scale import MODEL, prepare_cells
from thaw.backbones.classifier import build_classifier
from thaw.errors import UserError
from thaw.labels import UNKNOWN, Task
from thaw.training import launch
from thaw.training.batches import Examples
from thaw.training.distributed import ALONE, Group, Share, joined
from thaw.training.engine import Trainer
from thaw.training.epoch import NotFiniteError
from thaw.training.store import Store

from .made import CPU, phase, settings

REPOSITORY = Path(__file__).parents[2]
TOLERANCE = 1e-5  # of losses, AUROC and weights: float32 added up in another order
LAYER_NORM, BATCH_NORM = "timm/test_convnext", "timm/test_resnet"

# model, phases, training images, parameters; frozen activations are kept wherever a phase has them
TRAININGS: dict[str, tuple[str, list[Any], int, dict[str, Any]]] = {
    # the last image of 33 joins the batch of 8 before it: 5 and 4
    "a ragged last batch": (LAYER_NORM, [phase("all", epochs=3)], 33, {}),
    # shares of 4 and 3; the last three images are too few for two processes, so both take them all
    "uneven shares": (LAYER_NORM, [phase({"last": "0..2"}, epochs=3)], 31, {"batch_size": 7}),
    "accumulated": (LAYER_NORM, [phase("all", epochs=2)], 33, {"accumulate": 2, "clip_norm": 0.1, "optimizer": "sgd"}),
    "balanced sampling": (LAYER_NORM, [phase("all")], 33, {"batch_size": 7, "loss": {"sampling": "balanced"}}),
    "unknown labels": (LAYER_NORM, [phase("all", epochs=2)], 33, {"batch_size": 7}),
    "kept features": (BATCH_NORM, [phase("head", epochs=3, lr=0.01)], 33, {"augment": "none"}),
    "kept views": (LAYER_NORM, [phase({"last": 1}, epochs=4)], 33, {"frozen_views": 2}),
    "frozen BatchNorm": (BATCH_NORM, [phase("bias", epochs=2), phase("head", adapt_norm=True)], 33, {}),
}  # fmt: skip


def noise(count: int, seed: int, task: Task) -> Examples:
    """Pictures and labels that have nothing to do with each other, so that no figure is 0 or 1."""
    random = np.random.default_rng(seed)
    labels = np.eye(2, dtype=np.int64)[random.integers(0, 2, count)]
    if task == "multilabel":
        labels = random.choice([0, 1, UNKNOWN], (count, 2))
    return Examples(random.integers(0, 256, (count, 32, 32), dtype=np.uint8), np.arange(count), labels)


def train(name: str, folder: Path, group: Group) -> Trainer:
    """Train one of ``TRAININGS`` as a process of ``group``."""
    model, phases, count, more = TRAININGS[name]
    task: Task = "multilabel" if name == "unknown labels" else "multiclass"
    one = Trainer(
        build_classifier(model, 2, 0, None, 32), noise(count, 0, task), noise(17, 1, task), task, settings(**more), 0,
        CPU, "fp32", store=Store(folder / name, 1.0, "these images"), group=group,
    )  # fmt: skip
    one.fit(phases, lambda _: None)
    return one


def figures(one: Trainer) -> list[float | None]:
    """Loss and AUROC of every epoch in training and validation."""
    curves = [curve for epoch in one.state.history for curve in (epoch.train, epoch.val)]
    return [figure for curve in curves for figure in (curve.loss, curve.auroc_macro)]


def train_all(folder: Path) -> None:
    """What each of the two processes does."""
    with joined(CPU) as group:
        for name in TRAININGS:
            one = train(name, folder, group)
            for place, tensors in (("last", one.state.tensors), ("best", one.state.best_tensors)):
                first = group.broadcast(tensors)
                assert group.all(all(torch.equal(first[key], tensor) for key, tensor in tensors.items())), place
            if group.rank == 0:
                torch.save({"figures": figures(one), "tensors": one.state.tensors}, folder / f"{name}.pt")
        check_gradients(group)


def check_gradients(group: Group) -> None:
    """Only thawed parameters are exchanged, and nobody looks for unused ones."""
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network[0].requires_grad_(False)
    exchanging = group.exchanging(network)
    assert isinstance(exchanging, DistributedDataParallel)
    assert not exchanging.find_unused_parameters
    exchanging(torch.full((1, 2), float(group.rank))).sum().backward()
    assert network[0].weight.grad is None
    expected = network[0](torch.tensor([[0.0, 0.0], [1.0, 1.0]])).mean(0)
    assert torch.allclose(network[1].weight.grad, expected.detach().expand(2, 2))


def environment() -> dict[str, str]:
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "src")])
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def in_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two processes left what they trained."""
    folder = tmp_path_factory.mktemp("two")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr=localhost"]
    program = [*torchrun, "--nproc-per-node=2", "-m", "tests.training.test_distributed", str(folder)]
    done = subprocess.run(program, env=environment(), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.pipeline
@pytest.mark.parametrize("name", TRAININGS)
def test_two_processes_train_as_one_does(name: str, in_two: Path, tmp_path: Path) -> None:
    found, one = torch.load(in_two / f"{name}.pt"), train(name, tmp_path, ALONE)
    assert found["figures"] == pytest.approx(figures(one), abs=TOLERANCE)
    for key, tensor in one.state.tensors.items():
        assert torch.allclose(found["tensors"][key].float(), tensor.float(), atol=TOLERANCE), key
    kept = {path.name: path.read_bytes() for path in (tmp_path / name).glob("*.bin")}
    assert len(kept) == len(list((in_two / name).glob("*.bin")))


@pytest.mark.parametrize("count", range(20))
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_shares_are_in_order_alike_and_never_one_image(size: int, count: int) -> None:
    shares = [Group(rank, size, rank).share(count) for rank in range(size)]
    handed_in = [list(range(count))[share.seen][share.own] for share in shares]
    assert [row for rows in handed_in for row in rows] == list(range(count))
    assert max(map(len, handed_in)) - min(map(len, handed_in)) <= 1
    # a row that all processes see counts once in their mean, like one that one of them sees and multiplies
    seen = [list(range(count))[share.seen] for share in shares]
    for row in range(count):
        assert sum(share.times for share, rows in zip(shares, seen, strict=True) if row in rows) == size
    assert all(len(rows) >= min(count, 2) for rows in seen)


def test_a_process_alone_takes_all_and_exchanges_nothing() -> None:
    network, rows = nn.Linear(2, 2), torch.rand(5, 2)
    assert ALONE.share(5) == Share(slice(0, 5), slice(0, 5), 1)
    assert ALONE.exchanging(network) is network
    assert ALONE.total(rows) is rows
    assert ALONE.gather(rows, torch.arange(5), 5) is rows
    assert ALONE.broadcast(rows) is rows
    assert ALONE.device(torch.device("cuda")) == torch.device("cuda")
    assert Group(5, 8, 1).device(torch.device("cuda")) == torch.device("cuda:1")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"device": "cuda", "devices": 9}, "train.devices: 9, but torch finds 3 GPUs here; use 3 or fewer"),
        ({"devices": 2, "nodes": 3}, "train.batch_size: 8 is for all 6 processes of train.devices and train.nodes "
                                     "together; use 12 or more"),
        ({"nodes": 2}, "train.nodes: 2, but MASTER_PORT, NODE_RANK is not in the environment"),
    ],
)  # fmt: skip
def test_what_cannot_be_started_is_told(
    more: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "device" in more)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setenv("MASTER_ADDR", "first")
    for name in ("MASTER_PORT", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError) as caught:
        launch.launch("thaw.stages.train", [], settings(**more))
    assert str(caught.value).startswith(message)


def test_one_machine_needs_no_address_and_several_take_it_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launch.options_of(settings(devices=3)) == ["--standalone", "--local-addr=localhost", "--nproc-per-node=3"]
    for name, value in {"MASTER_ADDR": "first", "MASTER_PORT": "29500", "NODE_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    there = ["--nnodes=2", "--node-rank=1", "--master-addr=first", "--master-port=29500", "--nproc-per-node=4"]
    assert launch.options_of(settings(devices=4, nodes=2)) == there


def failure(
    folder: Path, rank: int, code: int, error: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> ProcessFailure:  # fmt: skip
    """How torchrun describes a process that ended with ``code``, after ``error`` if there was one."""
    path = folder / f"{rank}.json"
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(path))
    if error is not None:
        get_error_handler().record_exception(launch._for_the_user(error))
    return ProcessFailure(rank, 4711, code, str(path))


LOST_IT = RuntimeError("[gloo/transport/tcp/pair.cc:545] Read error [::1]:41: Connection closed by peer [::1]:42")
ENDED = "and with it the whole training ended; dvc repro goes on at the last epoch that was kept"


@pytest.mark.parametrize(
    ("ends", "line"),
    [
        ([(1, LOST_IT), (-9, None), (-15, None)],
         f"process 2 of 3 ended by SIGKILL (as the system does where memory runs out), {ENDED}"),
        ([(1, LOST_IT), (-15, None), (-11, None)], f"process 3 of 3 ended by SIGSEGV, {ENDED}"),
        ([(-15, None), (2, NotFiniteError("lower it")), (2, UserError("lower it"))], "lower it"),
        ([(1, LOST_IT), (1, OSError(errno.ENOSPC, "No space left on device", "models/x"))],
         "models/x: No space left on device"),
        ([(1, LOST_IT), (1, ZeroDivisionError("a defect"))], f"process 2 of 2 ended with exit code 1, {ENDED}"),
        ([(-15, None), (1, LOST_IT)], "process 2 of 2 lost the connection to another one (if that was on another "
                                      f"machine, that one says why), {ENDED}"),
        ([(-15, None), (3, None)], f"process 2 of 2 ended with exit code 3, {ENDED}"),
    ],
)  # fmt: skip
def test_of_all_failures_the_reason_is_told(
    ends: list[tuple[int, Exception | None]], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    failures = {rank: failure(tmp_path, rank, *end, monkeypatch) for rank, end in enumerate(ends)}
    assert launch._told(failures, len(ends)) == line
    # of a defect of thaw alone, the traceback is there too
    assert bool(capsys.readouterr().err) == any(isinstance(error, ZeroDivisionError) for _, error in ends)


class Cell:
    """A folder in which the stage train runs for real, in two processes."""

    def __init__(self, folder: Path, phases: list[dict[str, Any]], **more: Any) -> None:
        self.folder = folder
        prepare_cells(folder, 1)
        params = YAML(typ="safe").load(folder / "params.yaml")
        params["strategies"]["s0"] = phases
        params["train"].update(devices=2, batch_size=16, **more)
        YAML(typ="safe").dump(params, folder / "params.yaml")
        self.unfinished = folder / f"models/.unfinished/{MODEL}/s0/0/state.pt"
        self.model, self.report = folder / f"models/trained/{MODEL}/s0/0", folder / f"reports/train/{MODEL}/s0/0"

    def run(self, meanwhile: Callable[[subprocess.Popen[str]], None] = lambda _: None) -> tuple[int, str, str]:
        """The stage's exit code, standard output and standard error."""
        program = [sys.executable, "-m", "thaw.stages.train", MODEL, "s0", "0"]
        with subprocess.Popen(
            program, cwd=self.folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as stage:
            meanwhile(stage)
            output, errors = stage.communicate(timeout=200)
        return stage.returncode, output, errors

    def kill_the_second(self, stage: subprocess.Popen[str]) -> None:
        """Kill a process as soon as an epoch is kept."""
        while not self.unfinished.exists():
            assert stage.poll() is None, stage.communicate()
            time.sleep(0.01)
        workers = psutil.Process(stage.pid).children()
        assert len(workers) == 2
        next(worker for worker in workers if worker.environ()["RANK"] == "1").kill()

    def results(self) -> tuple[bytes, Any]:
        """The weights, and what the table says of every epoch but its speed and memory."""
        table = pd.read_csv(self.report / "history.csv").drop(columns=["images_per_second", "peak_memory_gib"])
        return (self.model / "weights.safetensors").read_bytes(), table


@pytest.mark.pipeline
def test_a_killed_process_ends_the_training_with_a_line_and_the_next_run_goes_on(tmp_path: Path) -> None:
    phases = [{"thaw": {"last": 1}, "epochs": 12, "lr": 1e-3}]
    whole, killed = Cell(tmp_path / "whole", phases), Cell(tmp_path / "killed", phases)
    assert whole.run() == (0, "", "")
    line = (
        "thaw: process 2 of 2 ended by SIGKILL (as the system does where memory runs out), and with it the whole "
        "training ended; dvc repro goes on at the last epoch that was kept\n"
    )
    assert killed.run(killed.kill_the_second) == (2, "", line)
    assert not killed.model.exists()
    assert killed.unfinished.exists()
    assert killed.run() == (0, "", "")
    assert not killed.unfinished.exists()
    weights, table = killed.results()
    assert weights == whole.results()[0]
    pd.testing.assert_frame_equal(table, whole.results()[1])


if __name__ == "__main__":
    train_all(Path(sys.argv[1]))
