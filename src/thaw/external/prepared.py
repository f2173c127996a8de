"""The other set as the stage external_data wrote it, with the labels of a model's classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from thaw.external.class_map import ClassMap
from thaw.files import read_csv, read_json
from thaw.labels import UNKNOWN, Task
from thaw.prepared import Prepared

SPLIT = "external"  # all its images are in this one


def load_other_set(folder: Path, meanings: Mapping[str, Sequence[str]], classes: list[str], task: Task) -> Prepared:
    """Read ``folder``, and bring its labels into the classes of a model.

    Args:
        folder: ``data/external/<name>``.
        meanings: of ``evaluate.external``'s entry: which of the set's classes mean a class of the model.
        classes, task: of the model.

    Raises:
        UserError: the map names a class that the model or the set does not have.
    """
    described = read_json(folder / "dataset.json")
    own = described["classes"]
    known = read_csv(folder / "labels.csv", columns=["image", "patient", *own])
    table = read_csv(folder / "images.csv").merge(known, on="image", validate="1:1")
    mapped = ClassMap(meanings, classes, task, own, described["task"]).checked(folder.name)
    labels = mapped.labels(table[own].astype("Int64").to_numpy(np.int8, na_value=UNKNOWN))
    columns = pd.DataFrame(labels, columns=classes, index=table.index).astype("Int64").mask(labels == UNKNOWN)
    whole = pd.concat([table[["row", "image", "patient"]].assign(split=SPLIT), columns], axis=1)
    pixels = np.load(folder / "images.npy", mmap_mode="r")
    return Prepared(pixels, whole, classes, task, described["title"], described["synthetic"])
