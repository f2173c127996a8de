"""Intervals of the test metrics: how far each would move with other patients.

What rests on a single patient has no interval, nor has what does not vary over the samples of patients. The exception
is a share of images that is exactly 0 or 1: its other end is the exact bound of Clopper and Pearson, "The use of
confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26 (1934), with patients for trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.bootstrap import Interval, Resampling, interval, macro_of, share
from thaw.evaluation.decisions import Labels, Thresholds, decide
from thaw.evaluation.delong import clustered_delong, delong_interval
from thaw.labels import UNKNOWN, Task

Scores = NDArray[np.floating]
# the two ends, or why there is no interval
Answer = list[float] | str

AVERAGED = ("auroc", "average_precision", "f1")
RARELY_DEFINED = "not defined in half of the samples of patients"
ALWAYS_THE_SAME = "the same in nearly every sample of patients"


class _Figure(NamedTuple):
    """One metric over the samples, by class.

    Attributes:
        values: (resamples, classes).
        patients: how many patients it rests on, (classes,); the fewer where it rests on two kinds.
        resting_on: which patients these are.
        is_share: whether it is a share of images.
    """

    values: NDArray[np.float64]
    patients: NDArray[np.int64]
    resting_on: str
    is_share: bool = False


def measure_intervals(
    labels: Labels,
    scores: Scores,
    thresholds: Thresholds,
    patients: NDArray[np.object_],
    classes: Sequence[str],
    task: Task,
    resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, Any]:
    """Intervals ``[low, high]`` of the metrics over samples of patients; None where there is none.

    By class: ``auroc``, ``average_precision``, ``sensitivity``, ``specificity``, ``precision``, ``f1``; overall:
    ``auroc_macro``, ``average_precision_macro``, ``f1_macro`` (over the classes a sample defines) and ``accuracy``:
    of the likeliest class with one label an image, else of the decisions. ``auroc_delong`` is a second opinion on AUROC
    by class, without samples: ``clustered_delong``, then ``delong_interval``. ``undefined`` has the reason for every
    None, by metric, or by metric and class; ``resamples``, ``confidence`` and ``patients`` (how many) are what the
    intervals rest on.

    Args:
        labels: (N, classes), 0, 1 or ``UNKNOWN``, which is left out.
        scores: probabilities, (N, classes).
        thresholds: of the decisions, as ``decide`` takes them.
        patients: whose images they are, (N,).
        classes: names, in the order of the columns.
        task: several labels an image, or exactly one.
        resamples: how many samples of patients are drawn.
        confidence: of each interval by itself, such as 0.95.
        seed: of the samples.

    Raises:
        ValueError: a score is not a finite number, or there are not as many thresholds as classes.
    """
    resampling = Resampling.of(patients, resamples, seed)
    decisions = decide(scores, task, thresholds) == 1
    figures = _ranked(resampling, labels, scores) | _decided(resampling, labels, decisions)
    by_class = {name: _by_class(figure, classes, confidence) for name, figure in figures.items()}
    by_class["auroc_delong"] = _delong(resampling, labels, scores, by_class["auroc"], confidence)
    overall = {f"{name}_macro": _macro(figures[name], by_class[name], confidence) for name in AVERAGED}
    chosen = decide(scores, task, 0.5) == 1 if task == "multiclass" else decisions
    overall |= _by_class(_accuracy(resampling, labels, chosen, task), ["accuracy"], confidence)
    undefined = {name: _reasons(answers) for name, answers in by_class.items()}
    return {
        "resamples": resamples,
        "confidence": confidence,
        "patients": resampling.drawn.shape[1],
        **_ends(overall),
        **{name: _ends(answers) for name, answers in by_class.items()},
        "undefined": _reasons(overall) | {name: reasons for name, reasons in undefined.items() if reasons},
    }


def _ranked(resampling: Resampling, labels: Labels, scores: Scores) -> dict[str, _Figure]:
    fewer = np.minimum(_patients_with(resampling, labels == 1), _patients_with(resampling, labels == 0))
    on = "with it, or without it"
    return {
        "auroc": _Figure(resampling.auroc(labels, scores), fewer, on),
        "average_precision": _Figure(resampling.average_precision(labels, scores), fewer, on),
    }


def _decided(resampling: Resampling, labels: Labels, decisions: NDArray[np.bool_]) -> dict[str, _Figure]:
    positive, negative, given = labels == 1, labels == 0, decisions & (labels != UNKNOWN)
    kinds = (positive, negative, given, positive & given, negative & ~given)
    existing, absent, alarms, found, cleared = np.split(resampling.sums(np.hstack(kinds)), len(kinds), axis=1)
    with_it, without_it, with_alarm = (_patients_with(resampling, kind) for kind in (positive, negative, given))
    either = np.where(existing > 0, existing + alarms, 0)
    return {
        "sensitivity": _Figure(share(found, existing), with_it, "with it", is_share=True),
        "specificity": _Figure(share(cleared, absent), without_it, "without it", is_share=True),
        "precision": _Figure(share(found, alarms), with_alarm, "who were given it", is_share=True),
        "f1": _Figure(share(2 * found, either), with_it, "with it"),
    }


def _accuracy(resampling: Resampling, labels: Labels, decisions: NDArray[np.bool_], task: Task) -> _Figure:
    """As a figure of one class."""
    if task == "multiclass":
        counted = (labels == 1).any(axis=1, keepdims=True)
        right = ((labels == 1) & decisions).any(axis=1, keepdims=True)
    else:
        known = labels != UNKNOWN
        counted = known.sum(axis=1, keepdims=True)
        right = (known & (decisions == (labels == 1))).sum(axis=1, keepdims=True)
    patients = _patients_with(resampling, counted > 0)
    values = share(resampling.sums(right), resampling.sums(counted))
    return _Figure(values, patients, "whose label is known", is_share=True)


def _patients_with(resampling: Resampling, images: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many patients have one of the images, by class."""
    return np.array([len(np.unique(resampling.patients[column])) for column in images.T], dtype=np.int64)


def _by_class(figure: _Figure, classes: Sequence[str], confidence: float) -> dict[str, Answer]:
    columns = zip(classes, figure.values.T, figure.patients.tolist(), strict=True)
    return {name: _answer(values, patients, figure, confidence) for name, values, patients in columns}


def _answer(values: NDArray[np.float64], patients: int, figure: _Figure, confidence: float) -> Answer:
    if patients < 2:
        return f"fewer than 2 patients {figure.resting_on}"
    ends = interval(values, confidence)
    bound = ((1 - confidence) / 2) ** (1 / patients)
    if figure.is_share and ends == (1.0, 1.0):
        return [bound, 1.0]
    if figure.is_share and ends == (0.0, 0.0):
        return [0.0, 1 - bound]
    return _with_width(ends, RARELY_DEFINED)


def _with_width(ends: Interval, without: str) -> Answer:
    """The ends, or a reason: ``without`` where there are none."""
    if ends.low is None or ends.high is None:
        return without
    return [ends.low, ends.high] if ends.low < ends.high else ALWAYS_THE_SAME


def _delong(
    resampling: Resampling, labels: Labels, scores: Scores, auroc: dict[str, Answer], confidence: float
) -> dict[str, Answer]:
    """By class; one without an interval from the samples has none here either."""
    answers = dict(auroc)
    for column, (name, answer) in enumerate(auroc.items()):
        if not isinstance(answer, str):
            value, variance = clustered_delong(labels[:, column], scores[:, [column]], resampling.patients)
            ends = delong_interval(float(value[0]), float(variance[0, 0]), confidence)
            answers[name] = _with_width(ends, RARELY_DEFINED)
    return answers


def _macro(figure: _Figure, answers: dict[str, Answer], confidence: float) -> Answer:
    if all(isinstance(answer, str) for answer in answers.values()):
        return "no class has an interval"
    return _with_width(interval(macro_of(figure.values), confidence), RARELY_DEFINED)


def _ends(answers: dict[str, Answer]) -> dict[str, list[float] | None]:
    return {name: None if isinstance(answer, str) else answer for name, answer in answers.items()}


def _reasons(answers: dict[str, Answer]) -> dict[str, Any]:
    return {name: answer for name, answer in answers.items() if isinstance(answer, str)}
