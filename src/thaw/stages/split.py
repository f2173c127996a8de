"""split: put every patient on one side of training, validation and test.

Reads     the parameters split; data/labels.csv, data/dataset.json; with split.by = lists the folder split.lists.
Writes    data/split.csv (image, patient, split, and fold: the part on which that fold tests, empty without folds),
          reports/split.json (patients, images, prevalence by split, and by fold).
Promises  with split.by = patient no patient is in two splits; the same seed gives the same split in any row order.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd

from thaw.command import arguments, run
from thaw.files import read_csv, read_json, write_csv, write_json
from thaw.params.dataset import SplitParams
from thaw.params.read import read_params
from thaw.splitting import (
    leaking_images,
    listed_split,
    source_split,
    split_images,
    split_parts,
    split_patients,
    summarise,
    summarise_parts,
)

LABELS, DATASET = Path("data/labels.csv"), Path("data/dataset.json")
SPLIT, SUMMARY = Path("data/split.csv"), Path("reports/split.json")


def make_split(table: pd.DataFrame, classes: list[str], params: SplitParams) -> tuple[pd.DataFrame, list[str]]:
    """The split that the parameters ask for, and what to say of it."""
    match params.by:
        case "dataset":
            return source_split(table, params.seed, params.fractions), []
        case "lists":
            return listed_split(table, Path(params.lists))
        case "image":
            return split_images(table, classes, params.fractions, params.seed), []
        case _ if params.folds is not None:
            return split_parts(table, classes, params.folds, params.seed), []
        case _:
            return split_patients(table, classes, params.fractions, params.seed), []


def describe_split(split: pd.DataFrame, table: pd.DataFrame, classes: list[str], notes: list[str]) -> dict[str, Any]:
    """What ``reports/split.json`` says of a split; ``notes``: what was said of it already."""
    summary = summarise(split, table, classes)
    by_fold = summarise_parts(split, table, classes) if "fold" in split else {"notes": []}
    return {**summary, **by_fold, "notes": [*notes, *summary["notes"], *by_fold["notes"]]}


def main() -> None:
    """Split the table of labels, and warn where a patient is on two sides."""
    arguments(__doc__)
    params = read_params("split").split
    classes = read_json(DATASET)["classes"]
    table = read_csv(LABELS)
    split, notes = make_split(table, classes, params)
    summary = describe_split(split, table, classes, notes)
    crossing, (leaking, tested) = summary["crossing_patients"], leaking_images(split)
    for note in notes:
        print(f"note: {note}")
    if crossing:
        share = f"{leaking} of {tested} test images ({leaking / max(tested, 1):.1%}) have a patient in training"
        print(f"warning: {crossing} patients are in more than one split, {share}: figures will be too good",
              file=sys.stderr)  # fmt: skip
    write_csv(SPLIT, split.reindex(columns=["image", "patient", "split", "fold"]))
    write_json(SUMMARY, {"by": params.by, "seed": params.seed, **summary})


if __name__ == "__main__":
    run(main)
