"""Who is imaged and how: images a patient, age, sex, view, and whether the view gives a label away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.inspection.counts import parts
from thaw.inspection.material import COVARIATES, Material

UNKNOWN_WORD = "unknown"
OLDEST_YEARS = 110  # an age above is a slip of the pen: NIH's table has 414
FEWEST = 20  # images with a label, and without, from which a view's hold on it is given
MOST_VIEWS = 8


@dataclass(frozen=True)
class ViewOfLabel:
    """How images with a label are spread over views.

    Attributes:
        shares: view → share of the images with the label (0..1), of those whose view and label are known.
        view: the view that tells most about the label.
        auroc: the AUROC (0.5..1) of guessing the label from this view alone; None where fewer than 20 images have the
            label, or have it not.
    """

    shares: Mapping[str, float]
    view: str | None
    auroc: float | None


@dataclass(frozen=True)
class Covariates:
    """What is known of patients and pictures beside the labels; of the images that could be read.

    Attributes:
        images_a_patient: number of images → patients with so many.
        follow_ups: images that are a patient's second or a later one, by the set's own numbering.
        ages: sex → ages in years, without the missing and those above 110.
        implausible_ages: how many lie above 110 or below 0.
        views: split → view → images.
        view_of_label: class → its spread over views; empty where fewer than two views are known.
        missing: covariate → images without it.
        images: how many images were looked at.
    """

    images_a_patient: Mapping[int, int]
    follow_ups: int
    ages: Mapping[str, NDArray[np.float64]]
    implausible_ages: int
    views: Mapping[str, Mapping[str, int]]
    view_of_label: Mapping[str, ViewOfLabel]
    missing: Mapping[str, int]
    images: int


def describe_covariates(material: Material) -> Covariates:
    """Count what the table says beside the labels."""
    images = material.images[material.read]
    a_patient, patients = np.unique(images["patient"].value_counts(), return_counts=True)
    plausible = images[images["age"].between(0, OLDEST_YEARS)]
    sexes = plausible["sex"].replace("", UNKNOWN_WORD)
    return Covariates(
        images_a_patient=dict(zip(a_patient.tolist(), patients.tolist(), strict=True)),
        follow_ups=int((images["follow_up"] > 0).sum()),
        ages={str(sex): ages.to_numpy(np.float64) for sex, ages in plausible.groupby(sexes)["age"]},
        implausible_ages=int(images["age"].notna().sum()) - len(plausible),
        views=_count_views(material),
        view_of_label=_views_of_labels(material),
        missing={name: int((images[name].isna() | (images[name] == "")).sum()) for name in COVARIATES},
        images=len(images),
    )


def _shown_views(material: Material) -> pd.Series[str]:
    """The view of each image; rare ones beyond the eight most frequent are put together."""
    views = material.images["view"].replace("", UNKNOWN_WORD)
    frequent = views.value_counts().index[:MOST_VIEWS]
    return views.where(views.isin(frequent), "other")


def _count_views(material: Material) -> dict[str, dict[str, int]]:
    views = _shown_views(material)
    names = list(views[material.read].value_counts().index)
    return {
        split: {str(name): int((views[part] == name).sum()) for name in names}
        for split, part in parts(material).items()
    }


def _views_of_labels(material: Material) -> dict[str, ViewOfLabel]:
    views = _shown_views(material)
    known = material.read & (views != UNKNOWN_WORD).to_numpy()
    names = [str(name) for name in views[known].value_counts().index]
    if len(names) < 2:
        return {}
    is_view = np.stack([(views == name).to_numpy() for name in names], axis=1)
    return {
        label: _view_of_label(names, is_view[known & (column == 1)], is_view[known & (column == 0)])
        for label, column in zip(material.classes, material.labels.T, strict=True)
    }


def _view_of_label(names: list[str], having: NDArray[np.bool_], lacking: NDArray[np.bool_]) -> ViewOfLabel:
    """``having``, ``lacking``: (images, views), which view the images with and without the label are in."""
    if not len(having):
        return ViewOfLabel({}, None, None)
    shares = having.mean(axis=0)
    spread = dict(zip(names, shares.tolist(), strict=True))
    if min(len(having), len(lacking)) < FEWEST:
        return ViewOfLabel(spread, None, None)
    difference = shares - lacking.mean(axis=0)
    # of two views that tell the same, the one that the label goes with
    strongest = max(range(len(names)), key=lambda view: (round(abs(difference[view]), 9), difference[view]))
    # the area under the two straight lines of a yes/no test: (sensitivity + specificity) / 2
    return ViewOfLabel(spread, names[strongest], float(0.5 + abs(difference[strongest]) / 2))
