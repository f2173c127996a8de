"""A folder for each class: ``<class>/*.png|jpg|jpeg|dcm``, in a folder or an archive."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from thaw.datasets.dataset import Dataset, check_classes, finding_table, one_of
from thaw.errors import UserError
from thaw.images.headers import add_headers
from thaw.images.sources import open_source

if TYPE_CHECKING:
    from thaw.params.dataset import DatasetParams

SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
PATIENTS_UNKNOWN = (
    "patients unknown: every image counts as a patient of its own, so that images of one patient could leak from "
    "training into the test set; set dataset.patient_pattern if the file names tell patients"
)


def read_folder(params: DatasetParams) -> Dataset:
    """Read one class a first-level folder; folders below a class are part of it.

    The patient is the first group of ``dataset.patient_pattern``, searched in the file name; without one, the patient
    of the DICOM header. An archive whose files all lie in one outer folder is read from inside it.

    Raises:
        UserError: Fewer than two class folders with images, or a file name that the pattern does not match.
    """
    path = Path(params.path).expanduser()
    table, classes, said = class_folders(path)
    pattern = params.patient_pattern
    table["patient"] = "" if pattern is None else patients_by_pattern(table["image"].tolist(), pattern)
    images, told = add_headers(finding_table(table, classes), path)
    unknown = images["patient"] == ""
    images["patient"] = images["patient"].where(~unknown, images["image"])
    if unknown.all():
        said = [PATIENTS_UNKNOWN, *said]
    elif unknown.any():
        said = [f"{int(unknown.sum())} images have no patient; each counts as a patient of its own", *said]
    return Dataset(path.stem, "multiclass", classes, images, path, False, (*said, *told))


def class_folders(path: Path) -> tuple[pd.DataFrame, tuple[str, ...], list[str]]:
    """Return ``image`` and a 0/1 column a class, the classes, and what was left out.

    Raises:
        UserError: Fewer than two class folders with images.
    """
    with open_source(path) as source:
        images = [name for name in source.names() if name.lower().endswith(SUFFIXES) or "." not in name.split("/")[-1]]
        said = list(source.defects())
    outer = _outer_folder(images, path)
    inner = [image.removeprefix(outer) for image in images]
    table = pd.DataFrame({"image": images, "class": [name.split("/")[0] if "/" in name else "" for name in inner]})
    loose = int((table["class"] == "").sum())
    table = table[table["class"] != ""].reset_index(drop=True)
    classes = tuple(sorted(set(table["class"])))
    if len(classes) < 2:
        found = f"found {', '.join(classes) or 'none'} and {loose} images outside such folders"
        raise UserError(f"{path}: needs two or more class folders with {', '.join(SUFFIXES)} files; {found}")
    check_classes(classes, "multiclass", path)
    if loose:
        said.append(f"{loose} images outside the class folders are left out")
    return table.join(one_of(table["class"], classes)), classes, said


def _outer_folder(images: Sequence[str], path: Path) -> str:
    """Return "name/" of the archive, and of the one folder in an archive, that everything lies in; else ""."""
    outer = {image.split("/")[0] for image in images}
    if len(outer) != 1 or not all(image.count("/") >= 2 for image in images):
        return ""
    name = outer.pop()
    if path.is_file():
        return f"{name}/"
    if not name.lower().endswith(ARCHIVES):
        return ""
    inside = [image.removeprefix(f"{name}/") for image in images]
    folders = {image.split("/")[0] for image in inside}
    deeper = len(folders) == 1 and all(image.count("/") >= 2 for image in inside)
    return f"{name}/{folders.pop()}/" if deeper else f"{name}/"


def patients_by_pattern(images: Sequence[str], pattern: str) -> list[str]:
    """Return the first group of ``pattern`` in each file name; raise UserError where it finds none."""
    compiled = re.compile(pattern)  # valid, with a group: checked with the parameters
    return [_patient(compiled, image) for image in images]


def _patient(pattern: re.Pattern[str], image: str) -> str:
    match = pattern.search(image.rsplit("/", 1)[-1])
    if match is None or not match[1]:
        raise UserError(f"dataset.patient_pattern = {pattern.pattern!r} finds no patient in '{image}'")
    return match[1]
