"""A split given as lists of image names, as papers and re-implementations publish theirs."""

from __future__ import annotations

import posixpath
from pathlib import Path

import pandas as pd

from thaw.errors import UserError
from thaw.splitting.assignment import SPLITS


def listed_split(table: pd.DataFrame, folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return ``image, patient, split`` as ``train_list.txt``, ``val_list.txt`` and ``test_list.txt`` say, and notes.

    A line begins with an image's name or path; labels may follow, as in the lists of the CheXNet re-implementations.
    Images of the table that no list names are left out, names that the table lacks are passed over; both are counted.

    Raises:
        UserError: A list is missing or names none of the images, or an image stands in two lists.
    """
    split_of: dict[str, str] = {}
    names = table["image"].map(posixpath.basename)
    known, strange = set(names), 0
    for part in SPLITS:
        listed = _read_list(folder / f"{part}_list.txt")
        strange += len(set(listed) - known)
        found = [name for name in listed if name in known]
        if not found:
            raise UserError(f"{folder}/{part}_list.txt: none of its {len(listed)} names is an image of the dataset")
        for name in found:
            if split_of.setdefault(name, part) != part:
                raise UserError(f"{folder}: '{name}' stands in {split_of[name]}_list.txt and in {part}_list.txt")
    split = names.map(split_of)
    kept = split.notna()
    counted = {
        "images stand in no list and are left out": int((~kept).sum()),
        "names of the lists are no image of the dataset": strange,
    }
    result = pd.DataFrame({"image": table["image"], "patient": table["patient"].astype(str), "split": split})[kept]
    notes = [f"{count} {what}" for what, count in counted.items() if count]
    return result.sort_values("image", ignore_index=True), notes


def _read_list(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: cannot be read ({error}); split.by = lists needs train_list.txt, val_list.txt and test_list.txt "
            "in split.lists"
        ) from error
    return [posixpath.basename(line.split()[0]) for line in lines if line.strip()]
