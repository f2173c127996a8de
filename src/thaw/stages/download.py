"""download: have the X-rays at hand, and bring their labels into one table.

Reads     the parameters dataset; what dataset.path names.
Writes    data/raw/ (images that thaw draws; a local set stays where it is, unpacked nowhere),
          data/labels.csv (one row an image), data/dataset.json (what the set is, and a fingerprint of its content).
Promises  the table has one form whatever the source; changed images change the fingerprint.
"""

from __future__ import annotations

from pathlib import Path

from thaw.command import arguments, run
from thaw.datasets import read_dataset
from thaw.datasets.dataset import Dataset
from thaw.files import write_csv, write_json
from thaw.images.source import fingerprint
from thaw.params.read import read_params

RAW, LABELS, DATASET = Path("data/raw"), Path("data/labels.csv"), Path("data/dataset.json")


def describe(name: str, dataset: Dataset) -> dict[str, object]:
    """What later stages and reports need to know of a dataset beside its table."""
    return {
        "name": name,
        "title": dataset.title,
        "task": dataset.task,
        "classes": list(dataset.classes),
        "synthetic": dataset.synthetic,
        "notices": list(dataset.notices),
        "source": dataset.source.as_posix(),
        "fingerprint": fingerprint(dataset.source),
        "images": len(dataset.table),
        "patients": int(dataset.table["patient"].nunique()),
    }


def main() -> None:
    """Read the parameters, read the dataset, write the table and the description."""
    arguments(__doc__)
    params = read_params("dataset")
    RAW.mkdir(parents=True, exist_ok=True)
    dataset = read_dataset(params.dataset, RAW)
    write_csv(LABELS, dataset.table)
    write_json(DATASET, describe(params.dataset.name, dataset))
    for notice in dataset.notices:
        print(f"note: {notice}")


if __name__ == "__main__":
    run(main)
