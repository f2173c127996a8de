"""A folder for each class: ``<class>/*.png|jpg|jpeg``, in a folder, .zip or .tar."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from thaw.datasets.dataset import Dataset, check_classes, finding_table, one_of
from thaw.errors import UserError
from thaw.images.source import open_source

if TYPE_CHECKING:
    from thaw.params.schema import DatasetParams

SUFFIXES = (".png", ".jpg", ".jpeg")
PATIENTS_UNKNOWN = (
    "patients unknown: every image counts as a patient of its own, so that images of one patient could leak from "
    "training into the test set; set dataset.patient_pattern if the file names tell patients"
)


def read_folder(params: DatasetParams, _raw: Path) -> Dataset:
    """Read one class a first-level folder; folders below a class are part of it.

    The patient is the first group of ``dataset.patient_pattern``, searched in the file name. An archive whose files
    all lie in one outer folder is read from inside it.

    Raises:
        UserError: Fewer than two class folders with images, or a file name that the pattern does not match.
    """
    path = Path(params.path).expanduser()
    with open_source(path) as source:
        images = [name for name in source.names() if name.lower().endswith(SUFFIXES)]
    outer = _outer_folder(images) if path.is_file() else ""
    inner = [image.removeprefix(outer) for image in images]
    table = pd.DataFrame({"image": images, "class": [name.split("/")[0] if "/" in name else "" for name in inner]})
    loose = int((table["class"] == "").sum())
    table = table[table["class"] != ""].reset_index(drop=True)
    classes = tuple(sorted(set(table["class"])))
    if len(classes) < 2:
        found = f"found {', '.join(classes) or 'none'} and {loose} images outside such folders"
        raise UserError(f"{path}: needs two or more class folders with {', '.join(SUFFIXES)} files; {found}")
    check_classes(classes, "multiclass", path)
    table["patient"] = _patients(table["image"].tolist(), params.patient_pattern)
    notices = [] if params.patient_pattern else [PATIENTS_UNKNOWN]
    if loose:
        notices.append(f"{loose} images outside the class folders are left out")
    table = table.join(one_of(table["class"], classes))
    return Dataset(path.stem, "multiclass", classes, finding_table(table, classes), path, False, tuple(notices))


def _outer_folder(images: Sequence[str]) -> str:
    """Return "name/" where everything lies in one first-level folder, with folders inside; else ""."""
    outer = {image.split("/")[0] for image in images}
    nested = all(image.count("/") >= 2 for image in images)
    return f"{outer.pop()}/" if nested and len(outer) == 1 else ""


def _patients(images: Sequence[str], pattern: str | None) -> list[str]:
    if pattern is None:
        return list(images)
    compiled = re.compile(pattern)  # valid, with a group: checked with the parameters
    return [_patient(compiled, image) for image in images]


def _patient(pattern: re.Pattern[str], image: str) -> str:
    match = pattern.search(image.rsplit("/", 1)[-1])
    if match is None or not match[1]:
        raise UserError(f"dataset.patient_pattern = {pattern.pattern!r} finds no patient in '{image}'")
    return match[1]
