"""Kaggle's "Chest X-Ray Images (Pneumonia)" as it comes, a zip or a folder.

Kermany et al., Cell 172(5), 2018, doi:10.17632/rscbjbr9sj: children of one to five years,
``chest_xray/{train,val,test}/{NORMAL,PNEUMONIA}/*.jpeg``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from thaw.datasets.dataset import Dataset, finding_table, one_of
from thaw.errors import UserError
from thaw.images.sources import open_source

if TYPE_CHECKING:
    from thaw.params.dataset import DatasetParams

TITLE = "Chest X-Ray Images (Pneumonia), Kermany et al. 2018"
CLASSES = ("NORMAL", "PNEUMONIA")
PLACE = re.compile(r"(?:^|/)(train|val|test)/(NORMAL|PNEUMONIA)/([^/]+\.(?:jpe?g|png))$", re.IGNORECASE)
PATIENT = re.compile(r"(person\d+)_|((?:NORMAL\d+-)?IM-\d+)-")
NOTICES = (
    "children of one to five years from one hospital; licence CC BY 4.0 (name the authors)",
    "the patient is taken from the file name, and the same id is taken for the same patient everywhere, also where "
    "bacteria and virus or train and test share it: not documented, but the safe reading",
)


def read_pneumonia(params: DatasetParams) -> Dataset:
    """Read the set from ``dataset.path``: Kaggle's zip, or a folder that is or holds ``chest_xray``.

    Raises:
        UserError: No picture at the set's own places, or none of one class.
    """
    path = Path(params.path).expanduser()
    with open_source(path) as source:
        images, copies = _placed(source.names())
        defects = source.defects()
    if not images:
        raise UserError(
            f"{path}: no {{train,val,test}}/{{NORMAL,PNEUMONIA}}/*.jpeg inside; give Kaggle's zip or folder"
        )
    table = pd.DataFrame(images, columns=["image", "source_split", "class", "file"])
    matches = [PATIENT.match(file) for file in table["file"]]
    # a name outside the rules: the picture is a patient of its own, under its whole path
    table["patient"] = [
        match[1] or match[2] if match else image for match, image in zip(matches, table["image"], strict=True)
    ]
    splits = table[["patient", "source_split"]].drop_duplicates()
    crossing = splits["patient"][splits["patient"].duplicated()].nunique()
    counted = {
        "files occur twice (a nested copy of the set); one of each is kept": copies,
        "file names fit no rule; each is a patient of its own": matches.count(None),
        "patients are in several of the set's own splits, which therefore leak": crossing,
    }
    notices = (*NOTICES, *(f"{count} {what}" for what, count in counted.items() if count), *defects)
    table = table.join(one_of(table["class"], CLASSES))
    return Dataset(TITLE, "multiclass", CLASSES, finding_table(table, CLASSES), path, False, notices)


def _placed(names: Iterable[str]) -> tuple[list[tuple[str, str, str, str]], int]:
    """Return (member, split, class, file name) of each picture once, and how many copies were passed over."""
    kept: dict[tuple[str, str, str], str] = {}
    copies = 0
    for name in sorted(names, key=lambda name: (name.count("/"), name)):
        if match := PLACE.search(name):
            key = (match[1].lower(), match[2].upper(), match[3])
            copies += key in kept
            kept.setdefault(key, name)
    return [(name, *key) for key, name in kept.items()], copies
