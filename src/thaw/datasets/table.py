"""A CSV with a row for each image, its columns named in ``dataset.columns``: CheXpert, PadChest, VinDr or one's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from thaw.datasets import covariates
from thaw.datasets.dataset import Dataset, check_classes, finding_table
from thaw.datasets.table_images import locate_images
from thaw.datasets.table_labels import read_labels
from thaw.datasets.text_table import read_text_table, require_columns
from thaw.errors import UserError
from thaw.images.headers import add_headers

if TYPE_CHECKING:
    from thaw.params.dataset import Columns, DatasetParams

PATIENT_UNKNOWN = ""


def read_table(params: DatasetParams) -> Dataset:
    """Read ``dataset.path``, a CSV; image paths begin in ``dataset.images``, or in the CSV's own folder.

    ``columns.labels`` as one column holds class names, joined by ``dataset.separator``: multiclass if every image has
    exactly one, else multilabel. As a list of 0/1 columns it is always multilabel, also where every row happens to have
    a single 1: the columns alone do not say that the classes exclude each other. Without a patient column the patient
    is the first group of ``dataset.patient_pattern`` in the image's path, or the one in the DICOM header.

    Raises:
        UserError: A missing file or column, an image that is not where it should be or is listed twice, an empty
            patient or a label that is none; names the line and the value.
    """
    path, columns = Path(params.path).expanduser(), params.columns
    rows = read_text_table(_content(path), str(path))
    label_columns = [columns.labels] if isinstance(columns.labels, str) else columns.labels
    require_columns(rows, [columns.image, *_optional(columns), *label_columns], str(path))
    located = locate_images(rows[columns.image], path, params.images)
    rows = rows.assign(**{columns.image: located.images}).loc[located.images.index]
    labels = read_labels(rows, params, path)
    check_classes(labels.classes, labels.task, path)
    first = rows.loc[labels.table.index]
    patients, covariates_found = _patients(first, params, path), _covariates(first, columns)
    table = labels.table.assign(image=first[columns.image], patient=patients, **covariates_found)
    images, told = add_headers(finding_table(table, labels.classes), located.source)
    _refuse_nameless(images, path)
    notices = (*located.notices, *labels.notices, *told)
    return Dataset(path.stem, labels.task, labels.classes, images, located.source, False, notices)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        rule = "dataset.path of dataset.name = table is a CSV with a row for each image"
        raise UserError(f"{path}: cannot be read ({error.strerror}); {rule}") from error


def _optional(columns: Columns) -> list[str]:
    names = (columns.patient, columns.sex, columns.age, columns.view, columns.split)
    return [name for name in names if name is not None]


def _patients(rows: pd.DataFrame, params: DatasetParams, path: Path) -> pd.Series[str]:
    if params.columns.patient is not None:
        return _named_patients(rows[params.columns.patient], path)
    if params.patient_pattern is None:
        return pd.Series(PATIENT_UNKNOWN, index=rows.index)
    pattern = re.compile(params.patient_pattern)
    patients = rows[params.columns.image].map(lambda image: match[1] if (match := pattern.search(image)) else "")
    unmatched = patients.index[patients == ""]
    if len(unmatched):
        found = f"finds no patient in '{rows[params.columns.image][unmatched[0]]}'"
        raise UserError(f"{path}, line {unmatched[0]}: dataset.patient_pattern = {params.patient_pattern!r} {found}")
    return patients


def _covariates(rows: pd.DataFrame, columns: Columns) -> dict[str, pd.Series]:
    found: dict[str, pd.Series] = {}
    if columns.sex is not None:
        found["sex"] = rows[columns.sex].map(covariates.sex)
    if columns.age is not None:
        found["age"] = rows[columns.age].map(covariates.age_years)
    if columns.view is not None:
        found["view"] = rows[columns.view].map(covariates.view)
    if columns.split is not None:
        found["source_split"] = rows[columns.split].map(covariates.split)
    return found


def _named_patients(patients: pd.Series[str], path: Path) -> pd.Series[str]:
    nameless = patients.index[patients == PATIENT_UNKNOWN]
    if len(nameless):
        raise UserError(f"{path}, line {nameless[0]}: '{patients.name}' is empty; every image needs a patient")
    return patients


def _refuse_nameless(images: pd.DataFrame, path: Path) -> None:
    nameless = images["image"][images["patient"] == PATIENT_UNKNOWN]
    if not nameless.empty:
        how = "name a column in dataset.columns.patient, or set dataset.patient_pattern"
        raise UserError(f"{path}: '{nameless.iloc[0]}' has no patient (no DICOM header names one); {how}")
