"""All that is found out about the data before training, without a line of HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thaw.inspection.cautions import (
    Caution,
    copy_cautions,
    covariate_cautions,
    label_cautions,
    quality_cautions,
    split_cautions,
)
from thaw.inspection.copies import Copies, find_copies
from thaw.inspection.counts import LabelCount, Size, count_labels, count_sizes, count_together
from thaw.inspection.covariates import Covariates, describe_covariates
from thaw.inspection.material import Material
from thaw.inspection.samples import choose_samples


@dataclass(frozen=True)
class Findings:
    """What the page shows.

    Attributes:
        sizes: split (train, val, test, all) → images and patients.
        labels: class → split → counts.
        together: (classes, classes) images with both labels; None where an image has exactly one.
        covariates: patients, age, sex and view.
        samples: class → positions in ``Material.images`` of training images to show.
        copies: pictures that occur more than once.
        converted: what was converted → images.
        cautions: warnings, the gravest first.
    """

    sizes: Mapping[str, Size]
    labels: Mapping[str, Mapping[str, LabelCount]]
    together: NDArray[np.int64] | None
    covariates: Covariates
    samples: Mapping[str, list[int]]
    copies: Copies
    converted: Mapping[str, int]
    cautions: tuple[Caution, ...]


def inspect_material(material: Material) -> Findings:
    """Count, compare and judge; draws nothing."""
    sizes, labels = count_sizes(material), count_labels(material)
    covariates, copies = describe_covariates(material), find_copies(material)
    own_labels = {name: labels[name] for name in material.classes}
    cautions = [
        *split_cautions(material),
        *copy_cautions(copies),
        *label_cautions(own_labels, sizes),
        *covariate_cautions(covariates),
        *quality_cautions(material, sizes),
    ]
    converted = material.converted["reason"].value_counts()
    return Findings(
        sizes=sizes,
        labels=labels,
        together=count_together(material) if material.task == "multilabel" else None,
        covariates=covariates,
        samples=choose_samples(material),
        copies=copies,
        converted={str(reason): int(count) for reason, count in converted.items()},
        cautions=tuple(cautions),
    )
