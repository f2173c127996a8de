"""Every group's figures and the gaps between groups, as plain tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.bootstrap import Resampling, macro_of, share
from thaw.evaluation.calibration_error import measure_calibration
from thaw.evaluation.decisions import Thresholds
from thaw.evaluation.ranking import reasons_undefined
from thaw.evaluation.subgroups.figures import UNDERDIAGNOSIS_RATE, Figure, ends_of, fewer, figures_of
from thaw.evaluation.subgroups.gaps import largest_gaps
from thaw.evaluation.subgroups.groups import FEWEST_PATIENTS, Grouping, Subgroup, patients_of
from thaw.evaluation.subgroups.judged import Judged
from thaw.evaluation.subgroups.underdiagnosis import underdiagnosis
from thaw.labels import UNKNOWN, Task


def measure_subgroups(
    labels: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    thresholds: Thresholds,
    patients: NDArray[np.object_],
    classes: Sequence[str],
    task: Task,
    groups: Grouping,
    resampling: Resampling,
    confidence: float,
) -> dict[str, Any]:
    """Ranking, errors, calibration and underdiagnosis by group of patients, and the largest gaps.

    Args:
        labels: (N, classes), 0, 1 or ``UNKNOWN``, which is left out.
        probabilities: (N, classes), as they are used: calibrated where they are.
        thresholds: the operating points, as ``thaw.evaluation.decisions.decide`` takes them.
        patients: whose images they are, (N,).
        classes: in the order of the columns.
        task: several labels an image, or exactly one.
        groups: of these N images.
        resampling: of these N images.
        confidence: of the intervals, below 1.

    Returns:
        - ``groups``: ``all``, then each group, to ``factors``, ``images``, ``patients``, ``positives`` {class};
          ``auroc``, ``true_positive_rate`` and ``false_positive_rate`` {class}, each with ``_macro``, ``_classes`` (how
          many the mean goes over) and ``_interval`` of the mean [low, high]; ``underdiagnosis_rate`` with ``_images``
          (those with a finding) and ``_interval``; ``calibration`` {class}, mean probability less observed frequency,
          and ``calibration_macro``, the mean of its sizes; ``expected_calibration_error``, as ``measure_calibration``
          has it; ``undefined`` {class: reason} of AUROC. Groups of fewer than ``FEWEST_PATIENTS`` have no intervals and
          are not compared.
        - ``gaps``: each factor, or two joined by a comma, to what ``largest_gaps`` gives.
        - ``underdiagnosis``: ``definition``, or the ``reason`` why there is none.
        - ``without_operating_point``: classes that have no true and false positive rate.
        - ``unknown``, ``too_small``, ``minimum``: see ``Grouping``; ``fewest_patients``.
        - ``resamples``, ``auroc_resamples``, ``confidence``: of the intervals.
    """
    judged = Judged.of(labels, probabilities, thresholds, classes, task)
    missed, of_auroc = underdiagnosis(judged), fewer(resampling)
    everyone = Subgroup("all", (), np.ones(len(labels), dtype=bool))
    described, compared = {}, {}
    for group in (everyone, *groups.groups):
        figures = figures_of(judged, missed, group.mask, resampling, of_auroc)
        sure = patients_of(group, patients) >= FEWEST_PATIENTS
        described[group.name] = {
            **_counted(judged, group, patients),
            **_shown(figures, judged.classes, sure, confidence),
            f"{UNDERDIAGNOSIS_RATE}_images": int((missed.ill & group.mask).sum()),
            **_calibration(judged, group),
        }
        if sure:
            compared[group.name] = figures
    pairs = zip(judged.classes, judged.decidable, strict=True)
    return {
        "groups": described,
        "gaps": _gaps(groups, compared, confidence),
        "underdiagnosis": {"definition": missed.definition, "reason": missed.reason},
        "without_operating_point": [name for name, decidable in pairs if not decidable],
        "unknown": dict(groups.unknown),
        "too_small": dict(groups.too_small),
        "minimum": groups.minimum,
        "fewest_patients": FEWEST_PATIENTS,
        "resamples": resampling.resamples,
        "auroc_resamples": of_auroc.resamples,
        "confidence": confidence,
    }


def _gaps(groups: Grouping, compared: Mapping[str, Mapping[str, Figure]], confidence: float) -> dict[str, Any]:
    gaps = {}
    for factors, divided in groups.by_factors().items():
        figures = {group.name: compared[group.name] for group in divided if group.name in compared}
        gaps[", ".join(factors)] = largest_gaps(figures, confidence)
    return gaps


def _counted(judged: Judged, group: Subgroup, patients: NDArray[np.object_]) -> dict[str, Any]:
    labels = judged.labels[group.mask]
    return {
        "factors": list(group.factors),
        "images": group.images,
        "patients": patients_of(group, patients),
        "positives": dict(zip(judged.classes, (labels == 1).sum(axis=0).tolist(), strict=True)),
        "undefined": reasons_undefined(labels, judged.classes),
    }


def _shown(figures: Mapping[str, Figure], classes: Sequence[str], sure: bool, confidence: float) -> dict[str, Any]:
    """With intervals if there are enough patients to be ``sure`` of them."""
    shown: dict[str, Any] = {}
    for name, figure in figures.items():
        if name == UNDERDIAGNOSIS_RATE:
            shown[name] = _or_none(figure.macro)
        else:
            shown[name] = {of: _or_none(value) for of, value in zip(classes, figure.values, strict=True)}
            shown[f"{name}_macro"] = _or_none(figure.macro)
            shown[f"{name}_classes"] = figure.defined
        has_interval = sure and figure.defined > 0
        shown[f"{name}_interval"] = ends_of(macro_of(figure.samples), confidence) if has_interval else None
    return shown


def _calibration(judged: Judged, group: Subgroup) -> dict[str, Any]:
    """Of the images whose label is known."""
    labels, probabilities = judged.labels[group.mask], judged.probabilities[group.mask]
    known = labels != UNKNOWN
    differences = share(np.where(known, probabilities - labels, 0.0).sum(axis=0), known.sum(axis=0))
    measured = measure_calibration(labels, probabilities, judged.classes, judged.task)
    return {
        "calibration": {name: _or_none(value) for name, value in zip(judged.classes, differences, strict=True)},
        "calibration_macro": _or_none(macro_of(np.abs(differences)[None])[0]),
        "expected_calibration_error": measured["expected_calibration_error"],
    }


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
