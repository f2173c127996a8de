"""What the pipeline left about the dataset, the split and every cell of the grid, read into one value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from thaw.cells import Cell
from thaw.errors import UserError
from thaw.files import read_json
from thaw.labels import Task

DATASET, SPLIT = Path("data/dataset.json"), Path("reports/split.json")


@dataclass(frozen=True)
class Subject:
    """What was compared on.

    Attributes:
        title: the dataset's name for people; says so where the images are synthetic.
        task: several labels an image, or exactly one.
        classes: in the order of the model's outputs.
        split: one line that names the split and the size of the test set.
        leaking: whether test images have a patient who is trained on.
        limits: one line for each limit of the dataset and of the split.
    """

    title: str
    task: Task
    classes: tuple[str, ...]
    split: str
    leaking: bool
    limits: tuple[str, ...]


@dataclass(frozen=True)
class CellResult:
    """One trained and evaluated cell: test metrics, what it cost, and its curves (one row an epoch and split)."""

    cell: Cell
    metrics: dict[str, Any]
    cost: dict[str, Any]
    history: pd.DataFrame


@dataclass(frozen=True)
class Results:
    """All cells of the grid, in its order; ``selected`` is the strategy of the headline."""

    subject: Subject
    cells: tuple[CellResult, ...]
    selected: str

    @property
    def models(self) -> list[str]:
        """The models, in the grid's order."""
        return list(dict.fromkeys(result.cell.model for result in self.cells))

    @property
    def strategies(self) -> list[str]:
        """The strategies, in the grid's order."""
        return list(dict.fromkeys(result.cell.strategy for result in self.cells))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every model with every strategy, in the grid's order."""
        return list(dict.fromkeys((result.cell.model, result.cell.strategy) for result in self.cells))

    def seeds_of(self, model: str, strategy: str) -> list[CellResult]:
        """The cells of one model and strategy, one for each seed."""
        return [result for result in self.cells if (result.cell.model, result.cell.strategy) == (model, strategy)]


def read_results(cells: Iterable[Cell], selected: str) -> Results:
    """Read exactly the files of ``cells``, whatever else lies in the folders.

    Raises:
        UserError: a file is missing.
    """
    subject = describe_subject(read_json(_existing(DATASET)), read_json(_existing(SPLIT)))
    return Results(subject, tuple(_read_cell(cell) for cell in cells), selected)


def describe_subject(dataset: dict[str, Any], split: dict[str, Any]) -> Subject:
    """The subject, from what ``data/dataset.json`` and ``reports/split.json`` hold."""
    title = dataset["title"]
    if dataset["synthetic"] and "synthetic" not in title.lower():
        title = f"{title} (synthetic)"
    limits = (*dataset["notices"], *split.get("notes", []))
    return Subject(title, dataset["task"], tuple(dataset["classes"]), describe_split(split), _leaks(split), limits)


def describe_split(split: dict[str, Any]) -> str:
    """One line: how it was made, shares of the images in percent, and the size of the test set.

    >>> describe_split({"by": "patient", "seed": 0, "splits": {"train": {"patients": 7, "images": 14},
    ...                 "val": {"patients": 2, "images": 3}, "test": {"patients": 2, "images": 3}}})
    'patient 70/15/15 (seed 0), test 3 images of 2 patients'
    """
    parts = split["splits"]
    images = sum(part["images"] for part in parts.values())
    shares = "/".join(f"{100 * part['images'] / images:.0f}" for part in parts.values())
    seed = f" (seed {split['seed']})" if "seed" in split else ""
    test = parts["test"]
    leak = ""
    if _leaks(split):
        share = split["leaking_test_images"] / test["images"]
        leak = f"; LEAKS: {share:.1%} of the test images have a patient in training"
    return f"{split['by']} {shares}{seed}, test {test['images']} images of {test['patients']} patients{leak}"


def _leaks(split: dict[str, Any]) -> bool:
    return bool(split.get("leaking_test_images"))


def _read_cell(cell: Cell) -> CellResult:
    return CellResult(
        cell,
        read_json(_existing(cell.evaluate_folder / "metrics.json")),
        read_json(_existing(cell.train_folder / "cost.json")),
        pd.read_csv(_existing(cell.train_folder / "history.csv")),
    )


def _existing(path: Path) -> Path:
    if not path.exists():
        raise UserError(f"{path} is missing; run dvc repro")
    return path
