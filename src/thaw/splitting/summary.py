"""What a split came to: sizes, prevalences, patients on both sides, and what a reader must know about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from thaw.splitting.assignment import SPLITS


def crossing_patients(split: pd.DataFrame) -> list[str]:
    """Return the patients that are in more than one split, sorted."""
    splits = split.groupby("patient")["split"].nunique()
    return sorted(str(patient) for patient in splits.index[splits > 1])


def leaking_images(split: pd.DataFrame) -> tuple[int, int]:
    """Return how many test images have a patient who is in training too, and how many test images there are."""
    test, train = (split.loc[split["split"] == name, "patient"] for name in ("test", "train"))
    return int(test.isin(train).sum()), len(test)


def summarise(split: pd.DataFrame, table: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """Return what ``reports/split.json`` says about a split (``image, patient, split``) of the images in ``table``.

    ``splits``: for train, val and test the ``patients``, ``images``, ``share`` of all images and ``prevalence`` per
    class (share of the split's images that have it; None in an empty split). ``crossing_patients``: how many patients
    are in more than one split. ``leaking_test_images``: how many test images have a patient in training. ``notes``:
    one line each for what limits the figures made from this split.
    """
    rows = split.merge(table[["image", *classes]], on="image", validate="one_to_one")
    parts = {name: rows[rows["split"] == name] for name in SPLITS}
    crossing = len(crossing_patients(split))
    notes = [note for name, part in parts.items() for note in _size_notes(name, part["patient"].nunique())]
    notes += [note for name in classes for note in _class_notes(name, rows[rows[name] == 1])]
    leaking, tested = leaking_images(split)
    if crossing:
        share = f"{leaking} of {tested} test images ({leaking / max(tested, 1):.1%}) have a patient in training"
        notes.append(f"patients in more than one split: {crossing}; {share}: figures on such a split are too good")
    return {
        "splits": {name: describe(part, len(rows), classes) for name, part in parts.items()},
        "crossing_patients": crossing,
        "leaking_test_images": leaking,
        "notes": notes,
    }


def describe(part: pd.DataFrame, images: int, classes: Sequence[str]) -> dict[str, Any]:
    """Return the patients, images, share of all ``images`` and prevalence of each class in some rows."""
    return {
        "patients": int(part["patient"].nunique()),
        "images": len(part),
        "share": round(len(part) / images, 6),
        "prevalence": {name: round(float(part[name].mean()), 6) if len(part) else None for name in classes},
    }


def _size_notes(name: str, patients: int) -> list[str]:
    if patients == 0:
        return [f"{name} is empty"]
    return [f"{name} has one patient only: too few for its figures to mean much"] if patients == 1 else []


def _class_notes(name: str, positives: pd.DataFrame) -> list[str]:
    """Say where a class cannot be learned or measured; ``positives``: the rows that have it."""
    if positives.empty:
        return [f"{name}: no image has it"]
    if len(set(positives["patient"])) == 1:
        return [f"{name}: one patient only, in {' and '.join(sorted(set(positives['split'])))}"]
    absent = [part for part in SPLITS if part not in set(positives["split"])]
    return [f"{name}: absent from {' and '.join(absent)}"] if absent else []
