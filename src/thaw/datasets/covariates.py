"""Age, sex and view as the sets write them, brought into one form."""

from __future__ import annotations

import re

SPLITS = {"TRAIN": "train", "TRAINING": "train", "VAL": "val", "VALID": "val", "VALIDATION": "val", "TEST": "test"}
SPLITS |= {"TRAIN_VAL": "train_val"}
OLDEST_YEARS = 120
UNITS_PER_YEAR = {"": 1, "Y": 1, "M": 12, "W": 52, "D": 365}
SEXES = {"M": "M", "MALE": "M", "F": "F", "FEMALE": "F"}
VIEWS = {"FRONTAL": "", "LATERAL": "LL", "L": "LL", "LATERAL SIDE": "LL", "AP SUPINE": "AP", "AP ERECT": "AP"}


def age_years(text: str) -> int | None:
    """Return whole years from "58", "58.0", "058Y", "013M" or "005D"; None where nobody is so old ("414").

    The letters are those of DICOM's Age String (PS3.5, section 6.2).
    """
    match = re.fullmatch(r"([0-9]+)(?:\.[0-9]+)?([YMWD]?)", text.strip().upper())
    if match is None:
        return None
    years = int(match[1]) // UNITS_PER_YEAR[match[2]]
    return years if years <= OLDEST_YEARS else None


def sex(text: str) -> str:
    """Return M, F or an empty string."""
    return SEXES.get(text.strip().upper(), "")


def view(text: str) -> str:
    """Return the view position in DICOM's words, such as PA, AP or LL; what is no known other name stays as it is."""
    name = text.strip().upper()
    return VIEWS.get(name, name)


def split(text: str) -> str:
    """Return train, val, train_val or test for the names that sets use; what is none of them stays as it is."""
    return SPLITS.get(text.strip().upper(), text.strip())
