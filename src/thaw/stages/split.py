"""split: put every patient on one side of training, validation and test.

Reads     the parameters split; data/labels.csv, data/dataset.json.
Writes    data/split.csv (image, patient, split), reports/split.json (patients, images, prevalence by split).
Promises  with split.by = patient no patient is in two splits; the same seed gives the same split in any row order.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from thaw.command import arguments, run
from thaw.files import read_csv, read_json, write_csv, write_json
from thaw.params.read import read_params
from thaw.params.schema import SplitParams
from thaw.splitting import crossing_patients, source_split, split_patients, summarise

LABELS, DATASET = Path("data/labels.csv"), Path("data/dataset.json")
SPLIT, SUMMARY = Path("data/split.csv"), Path("reports/split.json")


def make_split(table: pd.DataFrame, classes: list[str], params: SplitParams) -> pd.DataFrame:
    """The split that the parameters ask for."""
    if params.by == "dataset":
        return source_split(table, params.seed, params.fractions)
    return split_patients(table, classes, params.fractions, params.seed)


def main() -> None:
    """Split the table of labels, and warn where patients cross the set's own split."""
    arguments(__doc__)
    params = read_params("split").split
    classes = read_json(DATASET)["classes"]
    table = read_csv(LABELS)
    split = make_split(table, classes, params)
    crossing = crossing_patients(split)
    if crossing:
        names = ", ".join(crossing[:3])
        print(f"warning: {len(crossing)} patients are in more than one split ({names}, …): figures will be too good",
              file=sys.stderr)  # fmt: skip
    write_csv(SPLIT, split)
    write_json(SUMMARY, {"by": params.by, "seed": params.seed, **summarise(split, table, classes)})


if __name__ == "__main__":
    run(main)
