"""What a comparison is about: the dataset, and the split that its figures rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from thaw.labels import Task


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
        pooling: one line that says which folds are pooled and on how many of the images the figures rest; None where
            there is one test set.
    """

    title: str
    task: Task
    classes: tuple[str, ...]
    split: str
    leaking: bool
    limits: tuple[str, ...]
    pooling: str | None = None


def describe_subject(dataset: dict[str, Any], split: dict[str, Any], folds: Sequence[int] = (1,)) -> Subject:
    """The subject, from what ``data/dataset.json`` and ``reports/split.json`` hold; ``folds``: those trained."""
    title = dataset["title"]
    if dataset["synthetic"] and "synthetic" not in title.lower():
        title = f"{title} (synthetic)"
    limits = (*dataset["notices"], *split.get("notes", []))
    return Subject(
        title, dataset["task"], tuple(dataset["classes"]), describe_split(split, folds), _leaks(split), limits,
        describe_pooling(split, folds) if len(folds) > 1 else None,
    )  # fmt: skip


def describe_split(split: dict[str, Any], folds: Sequence[int] = (1,)) -> str:
    """One line: how it was made, shares of the images in percent, and the size of the test set.

    >>> describe_split({"by": "patient", "seed": 0, "splits": {"train": {"patients": 7, "images": 14},
    ...                 "val": {"patients": 2, "images": 3}, "test": {"patients": 2, "images": 3}}})
    'patient 70/15/15 (seed 0), test 3 images of 2 patients'
    """
    parts = split["splits"]
    images = sum(part["images"] for part in parts.values())
    if len(folds) > 1:
        tested = [split["folds"][fold - 1] for fold in folds]
        pooled = {name: sum(part[name] for part in tested) for name in ("images", "patients")}
        of = f"{split['by']}, {len(folds)} of {len(split['folds'])} folds pooled (seed {split['seed']})"
        return f"{of}, tested {pooled['images']} of {images} images, {pooled['patients']} patients"
    shares = "/".join(f"{100 * part['images'] / images:.0f}" for part in parts.values())
    fold = f"fold 1 of {len(split['folds'])}" if "folds" in split else ""
    seed = f"seed {split['seed']}" if "seed" in split else ""
    made = f" ({made})" if (made := ", ".join(filter(None, (fold, seed)))) else ""
    test = parts["test"]
    leak = ""
    if _leaks(split):
        share = split["leaking_test_images"] / test["images"]
        leak = f"; LEAKS: {share:.1%} of the test images have a patient in training"
    return f"{split['by']} {shares}{made}, test {test['images']} images of {test['patients']} patients{leak}"


def describe_pooling(split: dict[str, Any], folds: Sequence[int]) -> str:
    """What was pooled, and on what share of the images the figures rest where some folds were not trained.

    >>> parts = [{"images": 30}, {"images": 20}, {"images": 50}]
    >>> describe_pooling({"folds": parts}, (1, 2, 3))
    '3 of 3 folds, out-of-fold predictions pooled: every image is tested once, by a network that never saw its patient'
    """
    made = split["folds"]
    tested = sum(made[fold - 1]["images"] for fold in folds)
    images = sum(part["images"] for part in made)
    pooled = f"{len(folds)} of {len(made)} folds, out-of-fold predictions pooled"
    if len(folds) == len(made):
        return f"{pooled}: every image is tested once, by a network that never saw its patient"
    rest = f"the figures rest on {tested:,} of {images:,} images ({tested / images:.0%})"
    return f"{pooled}: {rest}, each tested once, by a network that never saw its patient"


def _leaks(split: dict[str, Any]) -> bool:
    return bool(split.get("leaking_test_images"))
