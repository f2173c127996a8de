"""The COVID-19 Image Data Collection and sets in its form: ``metadata.csv`` beside a folder ``images/``.

Cohen et al., arXiv:2006.11988, repository ieee8023/covid-chestxray-dataset: pictures cut from papers, with free-text
findings such as "COVID-19, ARDS" or "Pneumonia/Viral/COVID-19".
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from thaw.datasets import covariates
from thaw.datasets.dataset import Dataset, finding_table
from thaw.datasets.text_table import read_text_table, require_columns
from thaw.errors import UserError
from thaw.images.sources import MemberError, open_source

if TYPE_CHECKING:
    from thaw.params.dataset import DatasetParams

TITLE = "COVID-19 Image Data Collection, Cohen et al. 2020"
TABLE = "metadata.csv"
COLUMNS = ("filename", "patientid", "finding", "view")
FRONTAL = ("PA", "AP")
NO_FINDING = "No Finding"
UNDECIDED = {"", "todo", "unknown"}
NOTICES = (
    "pictures cut from papers and web pages, of very different quality: for checks outside the training distribution",
    "every picture has a licence of its own (column license of metadata.csv)",
)


def read_covid(params: DatasetParams) -> Dataset:
    """Read the frontal X-rays; a finding is every name between the commas and slashes of the column ``finding``.

    Rows of another modality or view, without a decided finding or without a picture are left out and counted.

    Raises:
        UserError: No metadata.csv, a column missing, or no frontal X-ray with a finding.
    """
    path = Path(params.path).expanduser()
    with open_source(path) as source:
        tables = [name for name in source.names() if posixpath.basename(name) == TABLE]
        if not tables:
            raise UserError(f"{path}: no {TABLE} inside; the set has it beside its folder images")
        table = min(tables, key=lambda name: name.count("/"))
        members = {posixpath.basename(name): name for name in source.names() if name != table}
        try:
            rows = read_text_table(source.read(table), f"{path}/{table}")
        except MemberError as error:
            raise UserError(f"{path}/{table}: {error}") from error
        defects = source.defects()
    require_columns(rows, COLUMNS, f"{path}/{table}")
    kept, said = _frontal(rows, members)
    findings = kept["finding"].map(finding_names)
    classes = tuple(sorted(set().union(*findings)))
    columns = {
        "image": kept["filename"].map(members),
        "patient": kept["patientid"],
        **{name: [int(name in row) for row in findings] for name in classes},
        "sex": _column(kept, "sex").map(covariates.sex),
        "age": _column(kept, "age").map(covariates.age_years),
        "view": kept["view"].map(covariates.view),
    }
    images = finding_table(pd.DataFrame(columns), classes)
    return Dataset(TITLE, "multilabel", classes, images, path, False, (*NOTICES, *said, *defects))


def finding_names(text: str) -> frozenset[str]:
    """Return the findings of one row; "No Finding" is none.

    >>> sorted(finding_names("Pneumonia/Viral/COVID-19, ARDS"))
    ['ARDS', 'COVID-19', 'Pneumonia', 'Viral']
    """
    names = {name.strip() for name in re.split(r"[,/]", text)}
    return frozenset(names - {"", NO_FINDING})


def _frontal(rows: pd.DataFrame, members: dict[str, str]) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows to use, and one line for each kind that is left out."""
    reasons = {
        "rows are no X-ray (CT and others)": ~_column(rows, "modality", "X-ray").str.lower().isin(["x-ray", "xray"]),
        "rows are not frontal (views other than PA and AP)": ~rows["view"].map(covariates.view).isin(FRONTAL),
        "rows have no decided finding": rows["finding"].str.lower().isin(UNDECIDED),
        "rows have no patient": rows["patientid"] == "",
        "rows of the table have no image": ~rows["filename"].isin(list(members)),
        "rows repeat an image; the first is kept": rows["filename"].duplicated(),
    }
    said = []
    for reason, wrong in reasons.items():
        left_out = wrong.reindex(rows.index)
        if left_out.any():
            said.append(f"{int(left_out.sum())} {reason}")
            rows = rows[~left_out]
    if rows.empty:
        raise UserError(f"no frontal X-ray with a finding and a picture is left: {'; '.join(said)}")
    return rows, said


def _column(rows: pd.DataFrame, name: str, default: str = "") -> pd.Series[str]:
    return rows[name] if name in rows.columns else pd.Series(default, index=rows.index)
