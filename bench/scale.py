"""Time against the number of images (labels, split, an epoch of the head), and against the number of strategies.

The ratio says how the time grows: time an image, or a strategy, over that of the smallest number; 1 is linear, below 1
is better. Strategies are trained by the stage itself, each in a process of its own, from its start to its end.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from bench.measure import QUICK_ROUNDS, REPOSITORY, ROUNDS, Spread, Table, seconds, take_turns
from bench.pictures import write_tiny
from bench.training import PHASES, Subject, Thaw, begin_as_stages_do, default_settings, stored_examples
from thaw.backbones.pretrained import NONE
from thaw.backbones.stored import save_pretrained
from thaw.datasets import read_dataset
from thaw.datasets.dataset import Dataset
from thaw.files import write_csv, write_json
from thaw.params.read import read_params
from thaw.splitting import split_patients, summarise
from thaw.training.device import choose_device

SIZES, QUICK_SIZES = (500, 2000, 8000), (100, 200)
STRATEGIES, QUICK_STRATEGIES = (1, 2, 4), (1, 2)
MODEL, SIZE_PX = "efficientnet_lite0", 64
STRATEGY_IMAGES, STRATEGY_SIZE_PX = 64, 32
SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, metavar="N", help="images (500 2000 8000)")
    parser.add_argument("--strategies", nargs="+", type=int, default=STRATEGIES, metavar="S", help="(1 2 4)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"that count ({ROUNDS})")


def measure(given: argparse.Namespace) -> list[Table]:
    """Measure both."""
    sizes, strategies, rounds = given.sizes, given.strategies, given.rounds
    if given.quick:
        sizes, strategies, rounds = QUICK_SIZES, QUICK_STRATEGIES, QUICK_ROUNDS
    begin_as_stages_do()
    with tempfile.TemporaryDirectory() as folder:
        work = [steps(Path(folder, str(size)), size) for size in sizes]
        rows = [
            row
            for step in work[0]
            for row in growth(step, sizes, take_turns_by(sizes, [one[step] for one in work], rounds))
        ]
        cells = [partial(train_cells, Path(folder, "cells"), count) for count in strategies]
        prepare_cells(Path(folder, "cells"), max(strategies))
        times = take_turns_by(strategies, [partial(seconds, one) for one in cells], rounds)
    note = f"Rounds: {rounds}, median (smallest to largest)."
    columns = ("step", "images", "growth", "seconds", "ms an image")
    by_strategy = [row[1:4] for row in growth("train", strategies, times)]
    return [
        Table("Time against the number of images", columns, rows,
              f"Labels: a folder for each class; epoch: {MODEL}, the head, {SIZE_PX} x {SIZE_PX}. {note}"),
        Table("Time against the number of strategies", ("strategies", "growth", "seconds"), by_strategy,
              f"The stage train, one process a strategy: {MODEL}, the head, {STRATEGY_IMAGES} images of "
              f"{STRATEGY_SIZE_PX} x {STRATEGY_SIZE_PX}, so that little but the fixed cost is seen. {note}"),
    ]  # fmt: skip


def take_turns_by(counts: Sequence[int], work: Sequence[Callable[[], float]], rounds: int) -> list[Spread]:
    """Time each number's work, taking turns; in the order of ``counts``."""
    named = {str(count): one for count, one in zip(counts, work, strict=True)}
    return list(take_turns(named, rounds).values())


def growth(step: str, counts: Sequence[int], times: Sequence[Spread]) -> list[list[str]]:
    """A row for each number: step, number, growth against the first one, seconds, ms for one."""
    ones = [time.times(1 / count) for count, time in zip(counts, times, strict=True)]
    return [
        [step, f"{count:,}", one.over(ones[0]).text(), time.text(), one.times(1e3).text(3)]
        for count, one, time in zip(counts, ones, times, strict=True)
    ]


def steps(folder: Path, count: int) -> dict[str, Callable[[], float]]:
    """The steps of a pipeline on ``count`` images, each of which returns its seconds."""
    dataset = tiny_dataset(folder / "pictures", count)
    examples = stored_examples(folder, count, SIZE_PX)
    subject = Subject(MODEL, PHASES["frozen"], default_settings(), examples, choose_device("cpu"))
    thaw = Thaw(subject)
    table = dataset().table
    return {
        "labels": partial(seconds, dataset),
        "split": partial(seconds, partial(split_and_describe, table)),
        "epoch": lambda: count / thaw(),
    }


def tiny_dataset(folder: Path, count: int) -> Callable[[], Dataset]:
    """Write a set of two classes, two images a patient; returns what reads its labels."""
    names = [f"{number // 2:06}_{number % 2}.png" for number in range(count)]
    write_tiny(folder / "normal", names[::3])
    write_tiny(folder / "pneumonia", [name for number, name in enumerate(names) if number % 3])
    params = read_params("dataset", path=REPOSITORY / "params.yaml").dataset
    changes = {"name": "folder", "path": str(folder), "download": None, "classes": None, "subset": None}
    return partial(read_dataset, params.model_copy(update={**changes, "patient_pattern": "^([0-9]+)_"}))


def split_and_describe(table: pd.DataFrame) -> None:
    """What the stage split computes."""
    classes = ["normal", "pneumonia"]
    summarise(split_patients(table, classes, SHARES, 0), table, classes)


def prepare_cells(folder: Path, strategies: int) -> None:
    """A folder as the stages before train leave it, and a params.yaml with so many strategies."""
    (folder / "data").mkdir(parents=True)
    params: dict[str, Any] = YAML(typ="safe").load(REPOSITORY / "params.yaml")
    names = [f"s{number}" for number in range(strategies)]
    phases = [{"thaw": "head", "epochs": 1, "lr": 1e-4}]
    params.update(strategies=dict.fromkeys(names, phases), strategy=names[0], compared=[names[0]] * 3)
    # what auto means is for the stage probe to say
    params["train"]["precision"] = "fp32"
    with (folder / "params.yaml").open("w") as file:
        YAML(typ="safe").dump(params, file)
    images = [f"{number}.png" for number in range(STRATEGY_IMAGES)]
    split = np.where(np.arange(STRATEGY_IMAGES) % 4 == 0, "val", "train")
    positive = np.arange(STRATEGY_IMAGES) % 2
    table = pd.DataFrame({"image": images, "patient": images, "normal": 1 - positive, "pneumonia": positive})
    write_csv(folder / "data/labels.csv", table)
    write_csv(folder / "data/split.csv", table[["image", "patient"]].assign(split=split))
    write_csv(folder / "data/images.csv", pd.DataFrame({"row": range(STRATEGY_IMAGES), "image": images}))
    shape = (STRATEGY_IMAGES, STRATEGY_SIZE_PX, STRATEGY_SIZE_PX)
    np.save(folder / "data/images.npy", np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    save_pretrained(folder / f"models/pretrained/{MODEL}.safetensors", None, NONE)
    described = {"title": "noise", "task": "multiclass", "classes": ["normal", "pneumonia"], "synthetic": True}
    write_json(folder / "data/dataset.json", described)


def train_cells(folder: Path, strategies: int) -> None:
    """Run the stage train for the first strategies, one after the other, as DVC does."""
    for number in range(strategies):
        program = [sys.executable, "-m", "thaw.stages.train", MODEL, f"s{number}", "0"]
        subprocess.run(program, check=True, capture_output=True, cwd=folder)
