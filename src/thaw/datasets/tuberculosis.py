"""Normal, pneumonia and tuberculosis in three folders, as such sets are glued together from several sources.

``NORMAL/``, ``PNEUMONIA/`` and ``TUBERCULOSIS/`` with PNG or JPEG files; patients are mostly unknown, so pictures that
look the same are taken for one patient.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.datasets.dataset import Dataset, finding_table
from thaw.datasets.folder import class_folders, patients_by_pattern
from thaw.errors import UserError
from thaw.images.duplicates import MOST_IMAGES, exact_groups, make_thumbnails, near_groups, perceptual_hashes
from thaw.images.store import build_store

if TYPE_CHECKING:
    from thaw.params.dataset import DatasetParams

TITLE = "Normal, pneumonia, tuberculosis (3 classes)"
CLASSES = ("NORMAL", "PNEUMONIA", "TUBERCULOSIS")
SIDE_PX = 224
# file names of the sets that are mostly glued in: Kermany's children, NIH's adults, Montgomery and Shenzhen
PATIENT_RULES = (
    re.compile(r"(person\d+)_"),
    re.compile(r"((?:NORMAL\d+-)?IM-\d+)-"),
    re.compile(r"^(?:nih_)?(\d{8})(?:_\d{3})?\.", re.IGNORECASE),
    re.compile(r"^((?:MCUCXR|CHNCXR)_\d{4})_", re.IGNORECASE),
)
DIGITS = re.compile(r"\d+")
NOTICES = (
    "the classes come from several sources, and a network can tell sources apart (borders, markers, age, compression) "
    "without looking at disease: a high score here is no evidence that it sees tuberculosis",
)


def read_tuberculosis(params: DatasetParams) -> Dataset:
    """Read the three folders of ``dataset.path``.

    The patient is what ``dataset.patient_pattern``, or a known set's rule, finds in the file name. Else a picture is a
    patient of its own, and so are all pictures with the same or nearly the same content together: pictures that are
    near-duplicates of each other count as one patient, also where their names say otherwise, so that none of them is
    tested on while another is trained on.

    Raises:
        UserError: A class folder missing or another one present, or a file name that the pattern does not match.
    """
    path = Path(params.path).expanduser()
    table, found, said = class_folders(path)
    named = {name.upper(): name for name in found}
    if set(named) != set(CLASSES):
        needed = f"dataset.name = tuberculosis needs {', '.join(CLASSES)}"
        raise UserError(f"{path}: has the folders {', '.join(found)}; {needed}")
    table = table.rename(columns={name: upper for upper, name in named.items()})
    table["patient"], ruled = _named_patients(table["image"], params.patient_pattern)
    joined, told = _joined(table["image"].tolist(), table["patient"].to_numpy(str), path)
    table["patient"] = joined
    unnamed = len(table) - ruled
    if unnamed:
        said.append(f"{unnamed} images name no patient; each is one of its own, together with its near-duplicates")
    notices = (*NOTICES, *_glued(table), *said, *told)
    return Dataset(TITLE, "multiclass", CLASSES, finding_table(table, CLASSES), path, False, notices)


def _named_patients(images: pd.Series[str], pattern: str | None) -> tuple[list[str], int]:
    """Return each image's patient, and how many were told by a rule; the others are called after their file."""
    if pattern is not None:
        return patients_by_pattern(images.tolist(), pattern), len(images)
    files = [image.rsplit("/", 1)[-1] for image in images]
    matches = [next((match for rule in PATIENT_RULES if (match := rule.search(file))), None) for file in files]
    patients = [match[1] if match else image for match, image in zip(matches, images, strict=True)]
    return patients, sum(match is not None for match in matches)


def _joined(images: list[str], patients: NDArray[np.str_], path: Path) -> tuple[list[str], list[str]]:
    """Return the patients with those joined that share a picture, and what to say of it."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "pictures.npy")
        unreadable = set(build_store(path, images, SIDE_PX, None, target).query("action == 'quarantined'")["image"])
        pictures = np.load(target, mmap_mode="r")
        readable = np.array([image not in unreadable for image in images])
        near = len(images) <= MOST_IMAGES
        groups = near_groups(perceptual_hashes(pictures), make_thumbnails(pictures)) if near else exact_groups(pictures)
        del pictures
    # an unreadable picture is black in the array: it resembles no other
    groups = np.where(readable, groups, groups.max() + 1 + np.arange(len(images)))
    joined = _linked(patients, groups)
    repeated = sum(count - 1 for count in Counter(groups.tolist()).values())
    said = [f"{repeated} images are near-duplicates of others; they stay on one side of the split"] if repeated else []
    if not near:
        said.append(f"more than {MOST_IMAGES:,} images: only identical pictures were looked for, not near-duplicates")
    return joined, said


def _linked(patients: NDArray[np.str_], groups: NDArray[np.int64]) -> list[str]:
    """Join patients who share a group; all take the first one's name, in the order of the names."""
    leader = {name: name for name in patients.tolist()}

    def first(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    members: dict[int, str] = {}
    for name, group in zip(patients.tolist(), groups.tolist(), strict=True):
        one, other = sorted((first(name), first(members.setdefault(group, name))))
        leader[other] = one
    return [first(name) for name in patients.tolist()]


def _glued(table: pd.DataFrame) -> list[str]:
    """Say how well the family of the file name alone tells the class: names without digits, such as tbx11k_tb."""
    families = table["image"].str.rsplit("/", n=1).str[-1].str.replace(DIGITS, "#", regex=True)
    of_class = table.groupby(families)[list(CLASSES)].sum()
    share, largest = of_class.max(axis=1).sum() / len(table), table[list(CLASSES)].sum().max() / len(table)
    frequent = [name for name, count in families.value_counts().items() if count >= 0.02 * len(table)]
    if len(frequent) < 2:
        return []
    named = ", ".join(sorted(str(name) for name in frequent)[:6])
    return [
        f"warning: file names show {len(frequent)} sources ({named}); the source alone tells the class of {share:.0%} "
        f"of the images (always guessing the commonest class: {largest:.0%})"
    ]
