"""The labels of a CSV: class names in one column, or a column of 0 and 1 for each; one row an image, or several."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from thaw.errors import UserError
from thaw.labels import Task

if TYPE_CHECKING:
    from thaw.params.dataset import DatasetParams

CERTAIN = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}
UNCERTAIN = ("-1", "-1.0")
UNCERTAIN_AS = {"zeros": 0, "ones": 1, "ignore": None}


@dataclass(frozen=True)
class TableLabels:
    """A 0/1 column for each class (empty: not known), by the first line of each image, and what to say of them."""

    task: Task
    table: pd.DataFrame
    notices: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of the columns."""
        return tuple(str(name) for name in self.table.columns)


def read_labels(rows: pd.DataFrame, params: DatasetParams, path: Path) -> TableLabels:
    """Read the labels of ``rows`` and bring several rows of one image together, as ``dataset.repeated`` says.

    Raises:
        UserError: A label that is none, or an image listed twice where that is refused; names the line.
    """
    columns = params.columns
    said: tuple[str, ...] = ()
    if isinstance(columns.labels, str):
        labels = _named(rows[columns.labels], params.separator)
    else:
        labels, said = _binary(rows[columns.labels], params.uncertain, path)
    images = rows[columns.image]
    if images.duplicated().any():
        if params.repeated == "refuse":
            _refuse_repeated(images, labels, path)
        said = (*said, f"{int(images.duplicated().sum())} rows repeat an image; taken together by: {params.repeated}")
        labels = _together(labels, images, params.repeated)
    exclusive = isinstance(columns.labels, str) and bool((labels.sum(axis=1) == 1).all())
    return TableLabels("multiclass" if exclusive else "multilabel", labels, said)


def _named(texts: pd.Series[str], separator: str) -> pd.DataFrame:
    """Return a 0/1 column for each class, from joined names."""
    found = [_names(text, separator) for text in texts]
    classes = sorted(set().union(*found))
    return pd.DataFrame({name: [int(name in row) for row in found] for name in classes}, index=texts.index)


def _names(text: str, separator: str) -> set[str]:
    if text.startswith("[") and text.endswith("]"):
        # as PadChest writes them: ['pneumonia', 'pleural effusion']
        parts = [name.strip().strip("'\"") for name in text[1:-1].split(",")]
    else:
        parts = text.split(separator)
    return {name.strip() for name in parts} - {""}


def _binary(cells: pd.DataFrame, policy: str, path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the cells as 0, 1 or unknown.

    The policies on -1 are those of Irvin et al., CheXpert, AAAI 2019, section 3: U-Zeros, U-Ones, U-Ignore. There an
    empty cell, a finding that the report does not mention, counts as 0.
    """
    values: dict[str, int | None] = dict(CERTAIN)
    if policy != "refuse":
        values |= dict.fromkeys(UNCERTAIN, UNCERTAIN_AS[policy]) | {"": 0}
    for column in cells.columns:
        odd = cells[column][~cells[column].isin(list(values))]
        if not odd.empty:
            also = "; for -1 and empty cells see dataset.uncertain" if odd.iloc[0] in ("", *UNCERTAIN) else ""
            raise UserError(f"{path}, line {odd.index[0]}: '{column}' is '{odd.iloc[0]}'; a label is 0 or 1{also}")
    uncertain, empty = int(cells.isin(UNCERTAIN).to_numpy().sum()), int((cells == "").to_numpy().sum())
    said: tuple[str, ...] = (f"{uncertain} uncertain labels (-1) count as: {policy}",) if uncertain else ()
    said += (f"{empty} empty labels count as 0",) if empty else ()
    return pd.DataFrame({name: cells[name].map(values).astype("Int64") for name in cells.columns}), said


def _refuse_repeated(images: pd.Series[str], labels: pd.DataFrame, path: Path) -> None:
    line = images.index[images.duplicated()][0]
    first = images.index[images == images[line]][0]
    differ = "with the same labels" if labels.loc[line].equals(labels.loc[first]) else "with different labels"
    rule = "keep one row an image, or set dataset.repeated to any or majority"
    raise UserError(f"{path}, line {line}: '{images[line]}' is already listed in line {first}, {differ}; {rule}")


def _together(labels: pd.DataFrame, images: pd.Series[str], policy: str) -> pd.DataFrame:
    """Return one row an image, at its first line: ``any`` row says so, or the ``majority`` (a tie: yes) does."""
    groups = labels.groupby(images.to_numpy(), sort=False)
    joined = groups.max() if policy == "any" else (groups.mean() >= 0.5).astype("Int64").where(groups.count() > 0)
    first = images.drop_duplicates()
    return joined.reindex(first.tolist()).set_index(first.index)
