"""NIH ChestX-ray14 as it comes, and everything written in its layout.

Wang et al., "ChestX-ray8", CVPR 2017: pictures in ``images_NNN/images/<patient>_<follow-up>.png``, one table of
findings mined from the radiology reports, and lists of the official split.
"""

from __future__ import annotations

import gzip
import posixpath
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from thaw.datasets.covariates import age_years
from thaw.datasets.dataset import Dataset, finding_table
from thaw.datasets.text_table import read_text_table, require_columns
from thaw.errors import UserError, did_you_mean
from thaw.images.sources import ImageSource, MemberError, open_source
from thaw.phantom.frequencies import FINDINGS

if TYPE_CHECKING:
    from thaw.params.dataset import DatasetParams

NO_FINDING = "No Finding"
# the first edition, the revision of 2020, and the table of Kaggle's 5,606-image sample; each may be gzipped
TABLES = ("Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv", "sample_labels.csv")
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
ALIASES = {"Patient Sex": "Patient Gender", "Follow-up": "Follow-up #"}
NOTICES = (
    "labels were mined from report texts: over 90 % right by the authors' account (Wang et al., CVPR 2017), fewer by "
    "later ones",
    "free to use if the NIH Clinical Center is acknowledged, the paper is cited and the download page is linked",
)


def read_nih(params: DatasetParams) -> Dataset:
    """Read the NIH set from ``dataset.path``: one table, and the images or the archives they came in."""
    return read_nih_layout(Path(params.path).expanduser(), params.labels, "NIH ChestX-ray14", False, NOTICES)


def read_nih_layout(path: Path, labels: int, title: str, synthetic: bool, notices: tuple[str, ...]) -> Dataset:
    """Read a folder or archive in NIH's layout; rows and images without a partner are counted in a notice.

    Args:
        path: A folder, a folder of archives such as images_001.tar.gz, or one archive.
        labels: 14 findings, or 15 with ``No Finding``.
        title, synthetic, notices: See ``Dataset``.

    Raises:
        UserError: No table, no image of the table, or a row that is not as NIH writes it.
    """
    with open_source(path) as source:
        rows, repeated_rows = _read_rows(source)
        members, repeated = _images(source)
        splits = _own_split(source)
        defects = source.defects()
    listed = rows["Image Index"].isin(list(members))
    if not listed.any():
        raise UserError(f"{path}: none of the table's {len(rows)} images is there; links are not followed")
    found = rows[listed]
    classes = FINDINGS if labels == 14 else (*FINDINGS, NO_FINDING)
    ages = found["Patient Age"].map(age_years)
    columns = {
        "image": found["Image Index"].map(members),
        "patient": _patients(found, path),
        **_findings(found, path, classes),
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
        "rows stand twice in the table; one is kept": repeated_rows,
        "ages are missing or not believable and are left empty": int(ages.isna().sum()),
        "ages are written with a unit, such as 058Y, and are taken as whole years": int(
            found["Patient Age"].str.fullmatch(r"[0-9]+[YMWD]").sum()
        ),
    }
    said = tuple(f"{count} {what}" for what, count in counted.items() if count)
    table = finding_table(pd.DataFrame(columns), classes)
    return Dataset(title, "multilabel", classes, table, path, synthetic, (*notices, *said, *defects))


def _read_rows(source: ImageSource) -> tuple[pd.DataFrame, int]:
    """Return the table's rows, and how many stood there twice."""
    names = [name for name in source.names() if posixpath.basename(name).removesuffix(".gz") in TABLES]
    if not names:
        csv = [name for name in source.names() if name.lower().endswith((".csv", ".csv.gz"))]
        found = f"; found {', '.join(csv[:3])}" if csv else ""
        raise UserError(f"{source.path}: no {TABLES[0]} inside{found}; NIH's layout has it beside the images")
    name = min(names, key=lambda name: (name.count("/"), TABLES.index(posixpath.basename(name).removesuffix(".gz"))))
    origin = f"{source.path}/{name}"
    # the header's last two names have commas in their brackets, so only the columns before them are aligned
    rows = read_text_table(member_bytes(source, name), origin, leading=len(COLUMNS)).rename(columns=ALIASES)
    require_columns(rows, COLUMNS, origin)
    unique = rows.drop_duplicates()
    twice = unique.index[unique["Image Index"].duplicated()]
    if len(twice):
        image = unique.loc[twice[0], "Image Index"]
        raise UserError(f"{origin}, line {twice[0]}: '{image}' is listed already, with other values; keep one row")
    return unique, len(rows) - len(unique)


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
            listed = member_bytes(source, name).decode("utf-8-sig", errors="replace").split()
            splits.update(dict.fromkeys(listed, split))
    return splits


def member_bytes(source: ImageSource, name: str) -> bytes:
    """The content of a table or list, unpacked where its name ends in .gz; raises UserError naming it."""
    try:
        content = source.read(name)
        return gzip.decompress(content) if name.endswith(".gz") else content
    except (MemberError, OSError, EOFError, zlib.error) as error:
        raise UserError(f"{source.path}/{name}: {error}") from error


def _patients(rows: pd.DataFrame, path: Path) -> pd.Series[str]:
    odd = rows["Patient ID"][~rows["Patient ID"].str.fullmatch(r"[0-9]{1,8}")]
    if not odd.empty:
        raise UserError(f"{path}: line {odd.index[0]}: Patient ID '{odd.iloc[0]}' is not a number of up to 8 digits")
    return rows["Patient ID"].str.zfill(8)


def _findings(rows: pd.DataFrame, path: Path, classes: Sequence[str]) -> dict[str, pd.Series[int]]:
    """Return a 0/1 column for each class."""
    for labels in rows["Finding Labels"].unique():
        for label in labels.split("|"):
            if label not in (*FINDINGS, NO_FINDING):
                line = rows.index[rows["Finding Labels"] == labels][0]
                near = did_you_mean(label, [*FINDINGS, NO_FINDING])
                raise UserError(f"{path}: line {line}: unknown finding '{label}'{near}")
    found = rows["Finding Labels"].str.get_dummies("|").reindex(columns=list(classes), fill_value=0)
    return {finding: found[finding] for finding in classes}
