"""Running a contender: thaw's stages or a rival's script, each in processes of its own, timed whole."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import REPOSITORY
from bench.rivals.contract import PARTS, STRATEGIES, Settings, as_arguments
from bench.rivals.image_set import PATIENT_PATTERN
from thaw.backbones.pretrained import NONE, fetch
from thaw.backbones.stored import save_pretrained
from thaw.files import read_json
from thaw.yaml_edit import load, with_values

# contender: the module of its script
RIVALS = {
    "plain script": "plain",
    "torchvision's recipe": "torchvision_recipe",
    "timm's recipe": "timm_recipe",
    "fastai": "fastai_recipe",
}
# torchvision's recipe has SGD at 0.1 for 256 images; other rates are those of params.yaml, for AdamW
SGD_RATE_AN_IMAGE = 0.1 / 256


@dataclass(frozen=True)
class Job:
    """What all contenders do.

    Attributes:
        data: folder that ``make_image_set`` filled.
        images: how many each part has.
        epochs: of every strategy.
        batch: images a step.
        size: pixels a side that the network sees.
        threads: of torch, and of decoding.
    """

    data: Path
    images: Mapping[str, int]
    epochs: int
    batch: int
    size: int
    threads: int


@dataclass(frozen=True)
class Outcome:
    """What a contender needed for its table of three strategies, and what it reached.

    Attributes:
        shared: seconds for all strategies together.
        seconds: by strategy, training and test.
        auroc: by strategy, of the test images.
    """

    shared: float
    seconds: dict[str, float]
    auroc: dict[str, float]

    @property
    def total(self) -> float:
        """Seconds from the images to the table."""
        return self.shared + sum(self.seconds.values())


def installed() -> list[str]:
    """The rivals that can be run here."""
    return [name for name in RIVALS if name != "fastai" or importlib.util.find_spec("fastai") is not None]


def run_thaw(job: Job, model: str, weights: str, seed: int) -> Outcome:
    """The stages in DVC's order, in an empty folder.

    Args:
        job: what to do.
        model: the backbone.
        weights: as in params.yaml.
        seed: of the head, of order and augmentation.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "params.yaml").write_text(thaw_params(job, model, weights, seed), encoding="utf-8")

        def stage(*command: str) -> float:
            return run(("-m", f"thaw.stages.{command[0]}", *command[1:]), folder, job.threads)[0]

        before = (("labels",), ("split",), ("preprocess",), ("shortcuts",), ("weights", model), ("probe", model))
        shared = sum(stage(*command) for command in before)
        seconds, auroc = {}, {}
        for strategy in STRATEGIES:
            cell = (model, strategy, str(seed))
            seconds[strategy] = sum(stage(name, *cell) for name in ("train", "predict", "evaluate"))
            auroc[strategy] = read_json(folder.joinpath("reports/evaluate", *cell, "metrics.json"))["auroc_macro"]
        shared += stage("compare")
        split = read_json(folder / "reports/split.json")["splits"]
        check_images({part: split[part]["images"] for part in PARTS}, job)
    return Outcome(shared, seconds, auroc)


def thaw_params(job: Job, model: str, weights: str, seed: int) -> str:
    """The repository's params.yaml with the job's data, split, size, model, epochs and batch."""
    text = (REPOSITORY / "params.yaml").read_text(encoding="utf-8")
    phases = load(text)["strategies"]
    values: dict[tuple[str, ...], Any] = {
        ("dataset", "name"): "folder",
        ("dataset", "path"): str(job.data / "pool"),
        ("dataset", "patient_pattern"): PATIENT_PATTERN,
        ("split", "by"): "lists",
        ("split", "lists"): str(job.data / "lists"),
        ("preprocess", "size"): job.size,
        ("weights", model): weights,
        ("models",): [model],
        ("seeds",): [seed],
        ("compared",): list(STRATEGIES),
        ("train", "batch_size"): job.batch,
        **{("strategies", name): [{**phases[name][0], "epochs": job.epochs}] for name in STRATEGIES},
    }
    return with_values(text, values)


def run_rival(contender: str, job: Job, model: str, weights: Path | None, seed: int) -> Outcome:
    """A rival's script once for each strategy.

    Args:
        contender: a name in ``RIVALS``.
        job: what to do.
        model: the backbone.
        weights: its tensors; None: random.
        seed: of everything random.
    """
    seconds, auroc = {}, {}
    for strategy in STRATEGIES:
        settings = Settings(job.data / "split", model, strategy, job.epochs, job.batch,
                            rate(contender, strategy, job.batch), job.size, job.threads, weights, seed)  # fmt: skip
        command = ("-m", f"bench.rivals.{RIVALS[contender]}", *as_arguments(settings))
        seconds[strategy], said = run(command, REPOSITORY, job.threads)
        line = json.loads(said.splitlines()[-1])
        auroc[strategy] = line["auroc"]
        check_images(line["images"], job)
    return Outcome(0.0, seconds, auroc)


def rate(contender: str, strategy: str, batch: int) -> float:
    """The learning rate that a contender is given for a strategy."""
    if contender == "torchvision's recipe":
        return SGD_RATE_AN_IMAGE * batch
    strategies = load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))["strategies"]
    return float(strategies[strategy][0]["lr"])


def store_weights(folder: Path, model: str, source: str) -> Path | None:
    """The very tensors that thaw starts from, as a file for the rivals; None where it starts from random ones."""
    if source == NONE:
        return None
    path = folder / f"{model}.safetensors"
    save_pretrained(path, fetch(model, source), source)
    return path


def run(command: tuple[str, ...], folder: Path, threads: int) -> tuple[float, str]:
    """Run Python in a process of its own; returns its seconds, start-up included, and what it printed.

    Raises:
        RuntimeError: it failed; what it said last is the message.
    """
    paths = os.pathsep.join([str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": paths}
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return seconds, done.stdout


def check_images(images: Mapping[str, int], job: Job) -> None:
    """Raise where a contender had other images than the job's."""
    if dict(images) != dict(job.images):
        raise RuntimeError(f"a contender read {dict(images)} images instead of {dict(job.images)}")
