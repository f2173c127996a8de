"""A training that was killed goes on to the very weights of one that was not."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from thaw.errors import UserError
from thaw.strategies import plans
from thaw.training.checkpoint import FOLDER, Checkpoint, identity_of
from thaw.training.engine import Trainer
from thaw.training.state import Epoch
from thaw.training.step import Stepper

from .made import phase, same, state_of, trainer

# every kind of boundary: best, last and pretrained starts, a range that thaws and freezes, adapted statistics, patience
STRATEGY = [
    phase("head", epochs=2),
    phase({"last": "0..2"}, epochs=3, lr=1e-3, schedule={"plateau": 0}),
    phase("norm", epochs=2, start="last", adapt_norm=True),
    phase([{"last": 1}, "bias"], epochs=2, start="pretrained", patience=1, schedule="one_cycle"),
]
MORE: dict[str, Any] = {"optimizer": "adamw", "loss": {"sampling": "balanced"}, "accumulate": 2, "clip_norm": 1.0}


class KilledError(Exception):
    pass


def run(checkpoint: Checkpoint | None, stop_after: int | None = None) -> tuple[Trainer, list[Epoch]]:
    """Train the strategy; ``stop_after``: end hard once so many epochs are kept."""
    one = trainer(checkpoint=checkpoint, **MORE)
    told: list[Epoch] = []

    def report(epoch: Epoch) -> None:
        told.append(epoch)
        if epoch.number == stop_after:
            raise KilledError

    try:
        one.fit(STRATEGY, report)
    except KilledError:
        assert stop_after is not None
    return one, told


@pytest.fixture(scope="module")
def undisturbed() -> tuple[Trainer, list[Epoch]]:
    return run(None)


def figures(epochs: list[Epoch]) -> list[Any]:
    return [(e.number, e.phase, e.learning_rate, e.train, e.val) for e in epochs]


@pytest.mark.parametrize("epoch", [2, 3, 5, 7])
def test_resuming_after_any_epoch_gives_the_same_bits(
    epoch: int, tmp_path: Path, undisturbed: tuple[Trainer, list[Epoch]]
) -> None:
    """Every phase boundary and an epoch within one; the engine also proves that the same tensors are thawed."""
    whole, epochs = undisturbed
    checkpoint = Checkpoint(tmp_path / "state.pt", "this one")
    run(checkpoint, stop_after=epoch)
    resumed, told = run(checkpoint)
    assert figures(told) == figures(epochs)
    assert same(resumed.state.tensors, whole.state.tensors)
    assert same(state_of(resumed.classifier), state_of(whole.classifier))
    assert resumed.state.best == whole.state.best


def test_a_resumed_training_thaws_the_same_tensors_modes_and_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right at a boundary: after two epochs of the head, the range's second step has one block thawed."""
    seen: list[Any] = []
    restore = Stepper.restore

    def spy(self: Stepper, state: dict[str, Any]) -> None:
        restore(self, state)
        seen.append(
            [(group["name"], len(group["params"]), group["weight_decay"]) for group in self.optimizer.param_groups]
        )

    run(Checkpoint(tmp_path / "state.pt", "x"), stop_after=4)
    monkeypatch.setattr(Stepper, "restore", spy)
    resumed, _ = run(Checkpoint(tmp_path / "state.pt", "x"), stop_after=5)
    assert {name for name, *_ in seen[0]} == {"layer3", "layer4", "head"}
    plan = plans(resumed.classifier, STRATEGY[1])[2]
    thawed = {name for name, parameter in resumed.classifier.network.named_parameters() if parameter.requires_grad}
    assert thawed == {name for name, rate in plan.parameters.items() if rate is not None}
    assert thawed == {name for name in thawed if name.startswith(("layer3.", "layer4.", "fc."))}


def test_a_checkpoint_that_thawed_other_tensors_is_a_defect(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "state.pt", "x")
    run(checkpoint, stop_after=1)
    state = checkpoint.load()
    assert state is not None
    state.thawed["training"].append("layer4")
    checkpoint.save(state)
    with pytest.raises(RuntimeError, match="would thaw other tensors"):
        run(checkpoint)


KILLED_MID_EPOCH = """
import os, signal, sys
from pathlib import Path
from tests.training import test_resume as here
from thaw.training.step import Stepper
from thaw.training.checkpoint import Checkpoint
steps, step = [0], Stepper.step
def counted(self, *arguments):
    steps[0] += 1
    if steps[0] == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, *arguments)
Stepper.step = counted
here.run(Checkpoint(Path(sys.argv[1]), "this one"))
"""


def test_killed_in_the_middle_of_an_epoch(tmp_path: Path, undisturbed: tuple[Trainer, list[Epoch]]) -> None:
    """SIGKILL at the sixth step: the second of the third epoch, within the second phase."""
    path = tmp_path / "state.pt"
    root = str(Path(__file__).parents[2])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([root, f"{root}/src"]),
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
    }
    killed = subprocess.run([sys.executable, "-c", KILLED_MID_EPOCH, str(path), "6"], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    kept = Checkpoint(path, "this one").load()
    assert kept is not None
    assert len(kept.history) in (1, 2)  # the second epoch may have ended too soon after the first was written
    resumed, told = run(Checkpoint(path, "this one"))
    assert figures(told) == figures(undisturbed[1])
    assert same(state_of(resumed.classifier), state_of(undisturbed[0].classifier))


def test_what_decides_the_result_decides_the_identity(tmp_path: Path) -> None:
    table, pixels = tmp_path / "labels.csv", tmp_path / "images.npy"
    table.write_text("a")
    pixels.write_text("b")
    identities = {identity_of({"lr": 1}, [table], [pixels]), identity_of({"lr": 2}, [table], [pixels])}
    table.write_text("other")
    identities.add(identity_of({"lr": 1}, [table], [pixels]))
    os.utime(pixels, (1, 1))
    identities.add(identity_of({"lr": 1}, [table], [pixels]))
    assert len(identities) == 4
    assert identity_of({"lr": 1}, [table], [pixels]) in identities


def test_a_checkpoint_of_another_training_is_passed_over(tmp_path: Path) -> None:
    run(Checkpoint(tmp_path / "state.pt", "one"), stop_after=1)
    assert Checkpoint(tmp_path / "state.pt", "other").load() is None
    assert Checkpoint(tmp_path / "none.pt", "one").load() is None


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch executed",)


@pytest.mark.parametrize("content", ["hostile", "damaged", "empty"])
def test_a_checkpoint_that_is_not_plain_data_is_refused(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "state.pt"
    if content == "hostile":
        torch.save({"identity": "x", "state": Evil()}, path)
    else:
        path.write_bytes(pickle.dumps(Evil()) if content == "damaged" else b"")
    with pytest.raises(UserError, match=r"state\.pt is damaged or holds more than tensors and numbers"):
        Checkpoint(path, "x").load()
    assert not (tmp_path / "executed").exists()


def test_a_finished_training_leaves_no_checkpoint_and_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    one, other = (
        Checkpoint(FOLDER / "resnet18/full/0/state.pt", "x"),
        Checkpoint(FOLDER / "resnet18/frozen/0/state.pt", "x"),
    )
    for checkpoint in (one, other):
        checkpoint.save(trainer().state)
    one.remove()
    assert [path.name for path in (tmp_path / FOLDER / "resnet18").iterdir()] == ["frozen"]
    other.remove()
    assert list((tmp_path / "models").iterdir()) == []
