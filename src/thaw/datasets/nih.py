"""NIH ChestX-ray14 as it comes, and everything written in its layout.

Wang et al., "ChestX-ray8", CVPR 2017: pictures in ``images_NNN/images/<patient>_<follow-up>.png``, one table of
findings mined from the radiology reports, and lists of the official split.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from thaw.datasets.dataset import Dataset, finding_table
from thaw.datasets.text_table import read_text_table, require_columns
from thaw.errors import UserError, did_you_mean
from thaw.images.source import ImageSource, MemberError, open_source
from thaw.phantom.frequencies import FINDINGS

if TYPE_CHECKING:
    from thaw.params.schema import DatasetParams

NO_FINDING = "No Finding"
TABLES = ("Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv")
SPLIT_LISTS = {"train_val_list.txt": "train_val", "test_list.txt": "test"}
COLUMNS = (
    "Image Index",
    "Finding Labels",
    "Follow-up #",
    "Patient ID",
    "Patient Age",
    "Patient Gender",
    "View Position",
)
OLDEST_YEARS = 120
UNITS_PER_YEAR = {"": 1, "Y": 1, "M": 12, "W": 52, "D": 365}
NOTICES = (
    "labels were mined from report texts: over 90 % right by the authors' account (Wang et al., CVPR 2017), fewer by "
    "later ones",
    "free to use if the NIH Clinical Center is acknowledged, the paper is cited and the download page is linked",
)


def read_nih(params: DatasetParams, _raw: Path) -> Dataset:
    """Read the NIH set from ``dataset.path``: a folder, .zip or .tar with its table inside."""
    return read_nih_layout(Path(params.path).expanduser(), "NIH ChestX-ray14", False, NOTICES)


def read_nih_layout(path: Path, title: str, synthetic: bool, notices: tuple[str, ...]) -> Dataset:
    """Read a folder, .zip or .tar in NIH's layout; rows and images without a partner are counted in a notice.

    Raises:
        UserError: No table, no image of the table, or a row that is not as NIH writes it.
    """
    with open_source(path) as source:
        rows = _read_rows(source)
        members, repeated = _images(source)
        splits = _own_split(source)
    listed = rows["Image Index"].isin(list(members))
    if not listed.any():
        raise UserError(f"{path}: none of the table's {len(rows)} images is there; links are not followed")
    found = rows[listed]
    ages = found["Patient Age"].map(_age_years)
    columns = {
        "image": found["Image Index"].map(members),
        "patient": _patients(found, path),
        **_findings(found, path),
        "sex": found["Patient Gender"].where(found["Patient Gender"].isin(["M", "F"]), ""),
        "age": ages,
        "view": found["View Position"].where(found["View Position"].isin(["PA", "AP"]), ""),
        "follow_up": found["Follow-up #"].map(lambda text: int(text) if text.isdecimal() else None),
        "source_split": found["Image Index"].map(splits),
    }
    counted = {
        "rows of the table have no image": int((~listed).sum()),
        "images have no row in the table and are left out": len(set(members) - set(rows["Image Index"])),
        "images lie in two places; one is kept": repeated,
        "ages are missing or not believable and are left empty": int(ages.isna().sum()),
    }
    said = tuple(f"{count} {what}" for what, count in counted.items() if count)
    table = finding_table(pd.DataFrame(columns), FINDINGS)
    return Dataset(title, "multilabel", FINDINGS, table, path, synthetic, (*notices, *said))


def _read_rows(source: ImageSource) -> pd.DataFrame:
    names = [name for name in source.names() if posixpath.basename(name) in TABLES]
    if not names:
        raise UserError(f"{source.path}: no {TABLES[0]} inside; NIH's layout has it beside the images")
    name = min(names, key=lambda name: (name.count("/"), TABLES.index(posixpath.basename(name))))
    origin = f"{source.path}/{name}"
    # the header's last two names have commas in their brackets, so only the columns before them are aligned
    rows = read_text_table(_text(source, name), origin, leading=len(COLUMNS))
    require_columns(rows, COLUMNS, origin)
    return rows


def _images(source: ImageSource) -> tuple[dict[str, str], int]:
    """Return file name -> member, and how many members repeat a file name."""
    members: dict[str, str] = {}
    images = [name for name in source.names() if name.lower().endswith(".png")]
    for name in images:
        members.setdefault(posixpath.basename(name), name)
    return members, len(images) - len(members)


def _own_split(source: ImageSource) -> Mapping[str, str]:
    splits = {}
    for name in source.names():
        if (split := SPLIT_LISTS.get(posixpath.basename(name))) is not None:
            listed = _text(source, name).decode("utf-8-sig", errors="replace").split()
            splits.update(dict.fromkeys(listed, split))
    return splits


def _text(source: ImageSource, name: str) -> bytes:
    try:
        return source.read(name)
    except MemberError as error:
        raise UserError(f"{source.path}/{name}: {error}") from error


def _patients(rows: pd.DataFrame, path: Path) -> pd.Series[str]:
    odd = rows["Patient ID"][~rows["Patient ID"].str.fullmatch(r"[0-9]{1,8}")]
    if not odd.empty:
        raise UserError(f"{path}: line {odd.index[0]}: Patient ID '{odd.iloc[0]}' is not a number of up to 8 digits")
    return rows["Patient ID"].str.zfill(8)


def _findings(rows: pd.DataFrame, path: Path) -> dict[str, pd.Series[int]]:
    """Return a 0/1 column for each of the 14 findings."""
    for labels in rows["Finding Labels"].unique():
        for label in labels.split("|"):
            if label not in (*FINDINGS, NO_FINDING):
                line = rows.index[rows["Finding Labels"] == labels][0]
                near = did_you_mean(label, [*FINDINGS, NO_FINDING])
                raise UserError(f"{path}: line {line}: unknown finding '{label}'{near}")
    found = rows["Finding Labels"].str.get_dummies("|").reindex(columns=list(FINDINGS), fill_value=0)
    return {finding: found[finding] for finding in FINDINGS}


def _age_years(text: str) -> int | None:
    """Return whole years from "58", "058Y", "013M" or "005D"; None where nobody is so old ("414")."""
    match = re.fullmatch(r"([0-9]+)([YMWD]?)", text)
    if match is None:
        return None
    years = int(match[1]) // UNITS_PER_YEAR[match[2]]
    return years if years <= OLDEST_YEARS else None
