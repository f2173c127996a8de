"""labels: bring the labels of any dataset into one table.

Reads     the parameters dataset; what dataset.path names.
Writes    data/labels.csv (one row an image), data/dataset.json (what the set is, and its limits), data/boxes.csv (where
          findings lie, in pixels of the pictures as they are distributed; its header alone where the set does not say).
Promises  the table has one form whatever the source; what is left out is counted and said; identifiers of DICOM
          headers are replaced by salted pseudonyms; boxes are those of the images and classes of the table.
"""

from __future__ import annotations

from pathlib import Path

from thaw.command import arguments, run
from thaw.datasets import read_dataset
from thaw.datasets.boxes import read_boxes
from thaw.datasets.description import describe, tell
from thaw.files import write_csv, write_json
from thaw.params.read import read_params

LABELS, DATASET, BOXES = Path("data/labels.csv"), Path("data/dataset.json"), Path("data/boxes.csv")


def main() -> None:
    """Read the parameters, read the dataset and its boxes, write the tables and the description."""
    arguments(__doc__)
    params = read_params("dataset").dataset
    dataset = read_dataset(params)
    boxes = read_boxes(params, dataset)
    write_csv(LABELS, dataset.table)
    write_csv(BOXES, boxes)
    write_json(DATASET, describe(params.name, dataset))
    tell(dataset)


if __name__ == "__main__":
    run(main)
