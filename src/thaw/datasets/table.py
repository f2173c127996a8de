"""A CSV with a row for each image, its columns named in ``dataset.columns``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from thaw.datasets.dataset import Dataset, Task, check_classes, finding_table
from thaw.datasets.text_table import read_text_table, require_columns
from thaw.errors import UserError
from thaw.images.source import open_source

if TYPE_CHECKING:
    from thaw.params.schema import DatasetParams

LABEL_VALUES = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}


def read_table(params: DatasetParams, _raw: Path) -> Dataset:
    """Read ``dataset.path``, a CSV; image paths are relative to its folder, absolute ones only below it.

    ``columns.labels`` as one column holds class names, joined by ``|``: multiclass if every row has exactly one, else
    multilabel. As a list of 0/1 columns it is always multilabel, also where every row happens to have a single 1: the
    columns alone do not say that the classes exclude each other.

    Raises:
        UserError: A missing file or column, or a row with an image outside the folder or listed twice, an empty
            patient or a value other than 0 and 1; names the line and the value.
    """
    path, columns = Path(params.path).expanduser(), params.columns
    rows = read_text_table(_content(path), str(path))
    label_columns = [columns.labels] if isinstance(columns.labels, str) else columns.labels
    require_columns(rows, [columns.image, columns.patient, *label_columns], str(path))
    task: Task = "multilabel"
    if isinstance(columns.labels, str):
        task, labels = _named_labels(rows[columns.labels])
    else:
        labels = _binary_labels(rows[columns.labels], path)
    classes = tuple(str(name) for name in labels.columns)
    check_classes(classes, task, path)
    images = _members(rows[columns.image], path)
    _refuse_nameless(rows[columns.patient], columns.patient, path)
    missing = _count_missing(images, path.parent)
    table = labels.assign(image=images, patient=rows[columns.patient])
    notices = (f"{missing} images of the table are not in its folder",) if missing else ()
    return Dataset(path.stem, task, classes, finding_table(table, classes), path.parent, False, notices)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        rule = "dataset.path of dataset.name = table is a CSV with a row for each image"
        raise UserError(f"{path}: cannot be read ({error.strerror}); {rule}") from error


def _named_labels(names: pd.Series[str]) -> tuple[Task, pd.DataFrame]:
    """Return the task and a 0/1 column for each class, from ``|``-joined names."""
    found = [{name.strip() for name in text.split("|")} - {""} for text in names]
    classes = sorted(set().union(*found))
    task: Task = "multiclass" if all(len(row) == 1 for row in found) else "multilabel"
    return task, pd.DataFrame({name: [int(name in row) for row in found] for name in classes}, index=names.index)


def _binary_labels(cells: pd.DataFrame, path: Path) -> pd.DataFrame:
    for column in cells.columns:
        odd = cells[column][~cells[column].isin(list(LABEL_VALUES))]
        if not odd.empty:
            raise UserError(f"{path}, line {odd.index[0]}: '{column}' is '{odd.iloc[0]}'; a label is 0 or 1")
    return pd.DataFrame({column: cells[column].map(LABEL_VALUES) for column in cells.columns})


def _members(texts: pd.Series[str], path: Path) -> pd.Series[str]:
    """Return the images' paths relative to the CSV's folder."""
    folder = path.parent.absolute()
    first_line: dict[str, object] = {}
    for line, text in texts.items():
        # by its words alone: what lies behind a link is never asked
        place = Path(os.path.normpath(folder / text))
        if not text or not place.is_relative_to(folder) or place == folder:
            raise UserError(f"{path}, line {line}: the image '{text}' is not a file below {folder}")
        member = place.relative_to(folder).as_posix()
        if member in first_line:
            raise UserError(f"{path}, line {line}: '{text}' is already listed in line {first_line[member]}")
        first_line[member] = line
    return pd.Series(list(first_line), index=texts.index)


def _refuse_nameless(patients: pd.Series[str], column: str, path: Path) -> None:
    nameless = patients.index[patients == ""]
    if len(nameless):
        raise UserError(f"{path}, line {nameless[0]}: '{column}' is empty; every image needs a patient")


def _count_missing(images: pd.Series[str], folder: Path) -> int:
    with open_source(folder) as source:
        missing = images[~images.isin(source.names())]
    if len(missing) == len(images):
        raise UserError(f"{folder}: holds none of the table's {len(images)} images, such as '{missing.iloc[0]}'")
    return len(missing)
