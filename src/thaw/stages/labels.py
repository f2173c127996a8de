"""labels: bring the labels of any dataset into one table.

Reads     the parameters dataset; what dataset.path names.
Writes    data/labels.csv (one row an image), data/dataset.json (what the set is, and its limits).
Promises  the table has one form whatever the source; what is left out is counted and said; identifiers of DICOM
          headers are replaced by salted pseudonyms.
"""

from __future__ import annotations

from pathlib import Path

from thaw.command import arguments, run
from thaw.datasets import read_dataset
from thaw.datasets.description import describe, tell
from thaw.files import write_csv, write_json
from thaw.params.read import read_params

LABELS, DATASET = Path("data/labels.csv"), Path("data/dataset.json")


def main() -> None:
    """Read the parameters, read the dataset, write the table and the description."""
    arguments(__doc__)
    params = read_params("dataset").dataset
    dataset = read_dataset(params)
    write_csv(LABELS, dataset.table)
    write_json(DATASET, describe(params.name, dataset))
    tell(dataset)


if __name__ == "__main__":
    run(main)
