"""external_data: bring another set of X-rays into the form of the main one.

Reads     the parameters dataset, preprocess, and evaluate.external's entry of the name given; what its path names;
          data/dataset.json (the classes of the models).
Writes    data/external/<name>/: labels.csv, dataset.json (as of the main set; and how many images have each class that
          the entry maps), images.npy, images.csv, quality.csv (images quarantined or converted).
Promises  the set is read and decoded by the same rules as the main one, and nothing is downloaded; a map that names a
          class which is not there is told without any model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from thaw.command import arguments, run
from thaw.datasets.dataset import Dataset
from thaw.datasets.description import describe, tell
from thaw.external.class_map import ClassMap
from thaw.external.named import FOLDER, named_set
from thaw.external.source import read_other_set
from thaw.files import read_json, write_csv, write_json
from thaw.labels import UNKNOWN
from thaw.params.evaluation import ExternalParams
from thaw.params.read import read_params
from thaw.preprocessing import decode_set

DATASET = Path("data/dataset.json")


def count_mapped(other: ExternalParams, main: dict[str, Any], dataset: Dataset) -> dict[str, dict[str, int]]:
    """How many images of ``dataset`` are with, without and unknown of each class that the map names.

    Args:
        other: the set's entry in ``evaluate.external``.
        main: ``data/dataset.json``.
        dataset: the set as it was read.

    Raises:
        UserError: the map names a class that a model of the main set, or the other set, does not have.
    """
    class_map = ClassMap(other.classes, main["classes"], main["task"], dataset.classes, dataset.task)
    known = dataset.table[list(dataset.classes)].to_numpy(np.int8, na_value=UNKNOWN)
    return class_map.counts(class_map.checked(other.name).labels(known))


def main() -> None:
    """Read and decode the set named on the command line."""
    name = arguments(__doc__, "name").name
    params: Any = read_params("dataset", "evaluate.external", "preprocess")
    other, folder = named_set(params.evaluate["external"], name), FOLDER / name
    dataset = read_other_set(other, params.dataset)
    counted = count_mapped(other, read_json(DATASET), dataset)
    write_csv(folder / "labels.csv", dataset.table)
    write_json(folder / "dataset.json", {**describe(other.dataset, dataset), "mapped": counted})
    tell(dataset)
    for ours, images in counted.items():
        print(f"{name}: {ours}: {', '.join(f'{count} {word}' for word, count in images.items())}")
    files = (folder / file for file in ("images.npy", "images.csv", "quality.csv"))
    decode_set(dataset.table["image"], dataset.source, params.preprocess, *files)


if __name__ == "__main__":
    run(main)
