"""What a reader must know before training, in words: leaks, labels too rare to measure, shortcuts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from thaw.inspection.copies import Copies
from thaw.inspection.counts import ALL, LabelCount, Size
from thaw.inspection.covariates import Covariates
from thaw.inspection.material import Material
from thaw.splitting import SPLITS

FEWEST_IMAGES = 10
FEWEST_PATIENTS = 5
MOSTLY_MISSING = 0.95  # share of the images
TELLING_AUROC = 0.7  # from which a view alone is said to predict a label


@dataclass(frozen=True)
class Caution:
    """One warning: a ``code`` for programs, a ``text`` of one line for people."""

    code: str
    text: str


def split_cautions(material: Material) -> list[Caution]:
    """Patients on both sides of the set's own split, or of the one in use."""
    found = []
    official = _crossing(material.images, "source_split")
    if official:
        text = f"{_patients(official)} in more than one of the set's own splits: split.by = dataset would leak"
        found.append(Caution("official_split_leaks", text))
    crossing = _crossing(material.images, "split")
    if crossing:
        test, train = (material.images[material.in_split(name)] for name in ("test", "train"))
        shared = int(test["patient"].isin(train["patient"]).sum())
        text = f"{_patients(crossing)} in more than one split; {shared:,} of {len(test):,} test images show a patient "
        found.append(Caution("split_leaks", text + "who is trained on: test figures will be too good"))
    return found


def label_cautions(labels: Mapping[str, Mapping[str, LabelCount]], sizes: Mapping[str, Size]) -> list[Caution]:
    """Splits without images, classes that a split has not, and classes too rare there to be measured."""
    found = []
    for split in SPLITS:
        if not sizes[split].images:
            found.append(Caution("empty_split", f"{split} has no image that could be read"))
            continue
        counts = {name: by_split[split] for name, by_split in labels.items()}
        absent = [name for name, count in counts.items() if not count.positive]
        if absent:
            found.append(Caution("absent_class", f"absent from {split}: {', '.join(absent)}"))
        rare = [
            f"{name} ({_number(count.positive, 'image')} of {_number(count.patients, 'patient')})"
            for name, count in counts.items()
            if count.positive and (count.positive < FEWEST_IMAGES or count.patients < FEWEST_PATIENTS)
        ]
        if rare:
            rule = f"fewer than {FEWEST_IMAGES} images or {FEWEST_PATIENTS} patients; figures for them say little"
            found.append(Caution("rare_class", f"rare in {split}: {', '.join(rare)}; {rule}"))
    return found


def covariate_cautions(covariates: Covariates) -> list[Caution]:
    """What is hardly known, and which view gives a label away."""
    found = []
    images = covariates.images
    missing = [name for name, count in covariates.missing.items() if images and count / images >= MOSTLY_MISSING]
    if missing:
        share = f"in {MOSTLY_MISSING:.0%} of the images or more"
        text = f"missing {share}: {', '.join(missing)}; shortcuts through them cannot be looked for"
        found.append(Caution("missing_covariates", text))
    told = {name: view for name, view in covariates.view_of_label.items() if view.auroc is not None}
    tied = [f"{name} ({view.view}, AUROC {view.auroc:.2f})" for name, view in told.items() if _telling(view.auroc)]
    if tied:
        text = f"the view alone predicts {', '.join(tied)}: a model may learn the view instead of the finding"
        found.append(Caution("view_shortcut", text))
    return found


def copy_cautions(copies: Copies) -> list[Caution]:
    """Copies of a picture that disagree."""
    crossing = sum(group.crosses for group in copies.groups)
    labels = sum(group.labels_differ for group in copies.groups)
    patients = sum(group.patients > 1 for group in copies.groups)
    kind = "identical or nearly identical copies" if copies.near_searched else "identical copies"
    said = {
        "duplicates_across_splits": (crossing, "in more than one split: test figures will be too good"),
        "duplicates_labels_differ": (labels, "with different labels: at most one can be right"),
        "duplicates_patients_differ": (patients, "under different patients: patients are not what they seem"),
    }
    return [
        Caution(code, f"{_number(count, 'picture')} {'has' if count == 1 else 'have'} {kind} {text}")
        for code, (count, text) in said.items()
        if count
    ]


def quality_cautions(material: Material, sizes: Mapping[str, Size]) -> list[Caution]:
    """Pictures that could not be read, and images that no split has."""
    found = []
    lost = len(material.quarantined)
    if lost:
        text = f"{_number(lost, 'image')} of {len(material.images):,} could not be read; see reports/quality.csv"
        found.append(Caution("quarantined", text))
    outside = sizes[ALL].images - sum(sizes[name].images for name in SPLITS)
    if outside:
        found.append(Caution("outside_splits", f"{_number(outside, 'image')} in no split: not used"))
    return found


def _crossing(images: pd.DataFrame, column: str) -> int:
    """How many patients have images in more than one split; an empty cell is none."""
    placed = images.loc[images[column] != "", ["patient", column]].drop_duplicates()
    return int(placed["patient"][placed["patient"].duplicated()].nunique())


def _telling(auroc: float | None) -> bool:
    return auroc is not None and auroc >= TELLING_AUROC


def _patients(count: int) -> str:
    return f"{_number(count, 'patient')} {'is' if count == 1 else 'are'}"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
