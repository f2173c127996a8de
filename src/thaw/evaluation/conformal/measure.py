"""What prediction sets hold and miss on test patients, each patient's sets made from other patients only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.conformal.losses import Chosen, Floats, Labels, Loss, image_losses
from thaw.evaluation.conformal.sets import Cohort, Method, methods_of, sets
from thaw.labels import Task
from thaw.params.evaluation import ConformalParams

Members = NDArray[np.bool_]


def measure_conformal(
    labels: Labels,
    probabilities: NDArray[np.floating],
    patients: NDArray[np.object_],
    classes: Sequence[str],
    task: Task,
    settings: ConformalParams,
    seed: int,
    groups: Mapping[str, NDArray[np.bool_]] | None = None,
) -> tuple[dict[str, Any], Members]:
    """Fit prediction sets on each half of the test patients and measure them on the other.

    Args:
        labels: (N, classes), 0, 1 or ``UNKNOWN``.
        probabilities: calibrated ones, (N, classes).
        patients: names, (N,).
        classes: in the order of the columns.
        task: marginal and class-conditional sets for one label an image; control of the false-negative rate and of the
            false-discovery rate for several.
        settings: what the sets promise.
        seed: of the halving, which does not depend on the order of the images.
        groups: which images, (N,), belong to groups that are also measured by themselves.

    Returns:
        By name of the method: ``loss`` (``missed`` or ``false_discovery``), ``promised``, ``confidence`` (None for a
        promise on average), ``thresholds`` of the ``first_half``, the ``second_half`` and ``all`` patients (by class
        for class-conditional sets), the classes ``always`` in the sets for want of patients in a half, ``reason``
        (why there are no figures, or None), the figures of ``figures_of``, and the same by group in ``groups``.

        Members: which classes the set of each image holds, (N, classes), by the principal method (``marginal`` or
        ``false_negative_rate_crc``). Where its promise cannot be kept, every class is in every such set.

    Raises:
        ValueError: a probability is not a number from 0 to 1.
    """
    cohort = Cohort.of(labels, probabilities, patients)
    first = cohort.halve(np.random.default_rng(seed))
    methods = methods_of(cohort, task, settings)
    members = [_members(method, cohort, first) for method in methods]
    results = {
        method.name: {
            **_promise(method, classes, first),
            **_figures(method, cohort, given, first, classes, groups or {}),
        }
        for method, given in zip(methods, members, strict=True)
    }
    return results, members[0]


def figures_of(
    labels: Labels,
    members: Members,
    owners: NDArray[np.int64],
    classes: Sequence[str],
    loss: Loss,
    promised: bool = True,
) -> dict[str, Any]:
    """What the sets of N images hold and miss; all None but the counts where nothing is ``promised``.

    Means over patients are means of each patient's mean over the images that count.

    Returns:
        ``images``; ``patients``, who have a loss; ``risk``, their mean loss, and its ``standard_error``; ``coverage``,
        the mean share of a patient's images (of those with a known true class) whose sets hold every true class;
        ``size``, classes a set; ``empty`` and ``full``, shares of the images whose sets hold no class and every class;
        ``class_coverage``, by class the mean share of a patient's images of that class whose sets hold it.
    """
    true = labels == 1
    by_patient = _patient_means(image_losses(labels, members, loss), owners)
    counts = {"images": len(labels), "patients": len(by_patient)}
    if not promised:
        names = ("risk", "standard_error", "coverage", "size", "empty", "full")
        return {**counts, **dict.fromkeys(names), "class_coverage": dict.fromkeys(classes)}
    size = members.sum(axis=1)
    covered = np.where(true.any(axis=1), (members | ~true).all(axis=1), np.nan)
    columns = np.where(true, members, np.nan).T
    return {
        **counts,
        "risk": _mean(by_patient),
        "standard_error": _standard_error(by_patient),
        "coverage": _mean(_patient_means(covered, owners)),
        "size": _mean(size),
        "empty": _mean(size == 0),
        "full": _mean(size == members.shape[1]),
        "class_coverage": {
            name: _mean(_patient_means(column, owners)) for name, column in zip(classes, columns, strict=True)
        },
    }


def _members(method: Method, cohort: Cohort, first: Chosen) -> Members:
    """Sets of the first half of the patients by levels of the second, and the other way round."""
    by_first, by_second = (sets(cohort.probabilities, method.levels(half)) for half in (first, ~first))
    return np.where(first[cohort.owners][:, None], by_second, by_first)


def _figures(
    method: Method,
    cohort: Cohort,
    members: Members,
    first: Chosen,
    classes: Sequence[str],
    groups: Mapping[str, NDArray[np.bool_]],
) -> dict[str, Any]:
    reason = method.reason([first, ~first])

    def of(part: NDArray[np.bool_]) -> dict[str, Any]:
        labels, owners = cohort.labels[part], cohort.owners[part]
        return figures_of(labels, members[part], owners, classes, method.loss, promised=reason is None)

    everything = np.ones(len(members), dtype=bool)
    return {"reason": reason, **of(everything), "groups": {name: of(part) for name, part in groups.items()}}


def _promise(method: Method, classes: Sequence[str], first: Chosen) -> dict[str, Any]:
    parts = {"first_half": first, "second_half": ~first, "all": np.ones_like(first)}
    levels = {name: method.levels(part) for name, part in parts.items()}
    lacking = [None in pair for pair in zip(levels["first_half"], levels["second_half"], strict=True)]
    return {
        "loss": method.loss,
        "promised": method.promised,
        "confidence": method.confidence,
        "thresholds": {
            name: dict(zip(classes, part, strict=True)) if method.by_class else part[0] for name, part in levels.items()
        },
        "always": [name for name, lacks in zip(classes, lacking, strict=True) if lacks] if method.by_class else [],
    }


def _patient_means(values: Floats, owners: NDArray[np.int64]) -> Floats:
    """Mean of each patient's ``values`` (N,), NaN ones left out, for the patients who have any."""
    defined = np.isfinite(values)
    counts = np.bincount(owners[defined])
    sums = np.bincount(owners[defined], values[defined])
    means: Floats = sums[counts > 0] / counts[counts > 0]
    return means


def _mean(values: NDArray[np.bool_ | np.integer | np.floating]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _standard_error(values: Floats) -> float | None:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
