"""Probabilities that say how often they are right: maps from logits to probabilities, fitted on validation images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, isotonic_regression, minimize
from scipy.special import expit, logit, logsumexp, softmax

from thaw.evaluation.probabilities import probabilities
from thaw.labels import UNKNOWN, Task
from thaw.params.evaluation import CalibrationMethod

Labels = NDArray[np.integer]
Numbers = NDArray[np.float64]
Fit = Callable[[Numbers, Labels, Task], dict[str, Any]]

# a best temperature outside of these is taken as none: labels that are separable, or no better than chance
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.01, 100.0
# where some classes of several are separable, the best slope and bias would be infinite
LARGEST_WEIGHT = 100.0


@dataclass(frozen=True)
class Calibration:
    """A fitted map from logits to probabilities.

    Attributes:
        method: how it was fitted.
        task: several labels an image, or exactly one.
        parameters: what was fitted, in values that JSON has; ``not_fitted`` lists the numbers of the classes that keep
            their probabilities as they were. ``temperature``: ``temperature``. ``platt`` and ``vector``: ``slope`` and
            ``bias`` by class. ``isotonic``: ``scores`` and ``probabilities`` of the knots by class.
    """

    method: CalibrationMethod
    task: Task
    parameters: dict[str, Any]

    def probabilities(self, logits: NDArray[np.floating]) -> NDArray[np.floating]:
        """Calibrated probabilities (N, classes) of logits (N, classes).

        Ranking by a class's probability stays as it was in ``temperature`` and ``platt`` for several labels an image;
        ``isotonic`` never turns a pair round, but it makes ties. With one label an image ``temperature`` keeps which
        class is likeliest; the others may change it, and all may change the ranking by a class's probability.
        """
        if self.method == "none":
            return probabilities(logits, self.task)
        if self.method == "temperature":
            return probabilities(logits / self._temperatures(logits.shape[1]), self.task)
        if self.method == "vector":
            return probabilities(self._on_line(logits), self.task)
        each = (
            expit(self._on_line(_log_odds(logits, self.task)))
            if self.method == "platt"
            else self._on_steps(probabilities(logits, self.task))
        )
        return each if self.task == "multilabel" else _summing_to_one(each, probabilities(logits, self.task))

    def to_json(self) -> dict[str, Any]:
        """What ``from_json`` makes the same calibration of: a dictionary of values that JSON has."""
        return {"method": self.method, "task": self.task, "parameters": self.parameters}

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Calibration:
        """The calibration that ``to_json`` described."""
        return cls(written["method"], written["task"], dict(written["parameters"]))

    def _temperatures(self, classes: int) -> Numbers:
        temperatures = np.full(classes, self.parameters["temperature"], dtype=np.float64)
        temperatures[self.parameters["not_fitted"]] = 1
        return temperatures

    def _on_line(self, values: NDArray[np.floating]) -> Numbers:
        line: Numbers = values * np.array(self.parameters["slope"]) + np.array(self.parameters["bias"])
        return line

    def _on_steps(self, chances: NDArray[np.floating]) -> Numbers:
        """Straight lines between knots, level beyond the first and the last; rounding turns no pair round."""
        steps = chances.astype(np.float64)
        for column, (scores, heights) in enumerate(
            zip(self.parameters["scores"], self.parameters["probabilities"], strict=True)
        ):
            if scores:
                next_knot = np.minimum(np.searchsorted(scores, steps[:, column]), len(scores) - 1)
                level = np.interp(steps[:, column], scores, heights)
                steps[:, column] = np.minimum(level, np.array(heights)[next_knot])
        return steps


def fit_calibration(logits: NDArray[np.floating], labels: Labels, task: Task, method: CalibrationMethod) -> Calibration:
    """Fit a calibration on validation images; the same images always give the same one.

    - ``none``: nothing.
    - ``temperature``: all logits divided by one T > 0, that of the smallest negative log-likelihood. Guo, Pleiss, Sun
      and Weinberger, "On calibration of modern neural networks", ICML 2017, section 4.2.
    - ``platt``: a sigmoid of a · log-odds + b for each class against all others, on targets (P + 1) / (P + 2) and
      1 / (N + 2). Platt, "Probabilistic outputs for support vector machines", 1999, section 2.2.
    - ``isotonic``: the non-decreasing function of each class's probability that is nearest to its labels. Zadrozny and
      Elkan, "Transforming classifier scores into accurate multiclass probability estimates", KDD 2002, section 3.
    - ``vector``: a slope and a bias for each logit, of the smallest negative log-likelihood, any sign. Guo et al. 2017,
      section 4.2.

    With one label an image, ``platt`` and ``isotonic`` are divided by their sum over the classes (Zadrozny and Elkan
    2002, section 4), and ``temperature`` and ``vector`` go before the softmax.

    A class keeps its probabilities and is noted in ``not_fitted`` where the images cannot say better: one value of the
    label only; one logit only; ``platt`` with a slope of 0 or less, which is worse than chance; ``temperature`` and
    ``vector`` where the best fit would be infinitely sure, since nothing contradicts it, and ``temperature`` where it
    would be infinitely unsure, since logits are no better than chance. With one label an image these two are for all
    classes or none, but that ``vector`` leaves out absent classes.

    Args:
        logits: (N, classes), finite.
        labels: (N, classes), 0, 1 or ``UNKNOWN``, which is left out.
        task: several labels an image, or exactly one.
        method: of the five.
    """
    fits: dict[CalibrationMethod, Fit] = {
        "none": lambda *_: {},
        "temperature": _temperature,
        "platt": _platt,
        "isotonic": _isotonic,
        "vector": _vector,
    }
    return Calibration(method, task, fits[method](logits.astype(np.float64), labels, task))


def _temperature(logits: Numbers, labels: Labels, task: Task) -> dict[str, Any]:
    """The root of the likelihood's slope along 1 / T, which rises everywhere (the likelihood is convex in it)."""
    if task == "multilabel":
        fitted = _has_both(labels)
        used = (labels != UNKNOWN) & fitted
    else:
        fitted = np.ones(labels.shape[1], dtype=bool)
        used = np.broadcast_to((labels != UNKNOWN).all(axis=1)[:, None], labels.shape)

    def slope(inverse: float) -> float:
        return float((((probabilities(logits * inverse, task) - labels) * logits)[used]).sum() / max(used.sum(), 1))

    ends = 1 / HIGHEST_TEMPERATURE, 1 / LOWEST_TEMPERATURE
    if not slope(ends[0]) < 0 < slope(ends[1]):
        return {"temperature": 1.0, "not_fitted": list(range(labels.shape[1]))}
    return {"temperature": 1 / float(brentq(slope, *ends, xtol=1e-12)), "not_fitted": _numbers(~fitted)}


def _platt(logits: Numbers, labels: Labels, task: Task) -> dict[str, Any]:
    def fit(odds: Numbers, truth: Labels) -> tuple[float, float] | None:
        positives, negatives = (truth == 1).sum(), (truth == 0).sum()
        targets = np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
        slope, bias = _logistic(odds, targets)
        return (slope, bias) if slope > 0 else None

    return _lines(_log_odds(logits, task), labels, fit)


def _vector(logits: Numbers, labels: Labels, task: Task) -> dict[str, Any]:
    def fit(values: Numbers, truth: Labels) -> tuple[float, float] | None:
        negative, positive = values[truth == 0], values[truth == 1]
        overlap = positive.min() < negative.max() and negative.min() < positive.max()
        return _logistic(values, truth.astype(np.float64)) if overlap else None

    return _lines(logits, labels, fit) if task == "multilabel" else _softmax_lines(logits, labels)


def _lines(
    values: Numbers, labels: Labels, fit: Callable[[Numbers, Labels], tuple[float, float] | None]
) -> dict[str, Any]:
    """Slope and bias of each class by ``fit``; 1 and 0 where it finds none, or where nothing can."""
    lines: list[tuple[float, float] | None] = []
    for value, truth, both in zip(values.T, labels.T, _has_both(labels), strict=True):
        known = truth != UNKNOWN
        differ = both and (value[known] != value[known][0]).any()
        lines.append(fit(value[known], truth[known]) if differ else None)
    slopes, biases = ([(line or (1.0, 0.0))[part] for line in lines] for part in (0, 1))
    return {"slope": slopes, "bias": biases, "not_fitted": [place for place, line in enumerate(lines) if line is None]}


def _logistic(values: Numbers, targets: Numbers) -> tuple[float, float]:
    """Slope and bias of the smallest cross-entropy to ``targets``, from 0 to 1, of a sigmoid; both (K,)."""
    middle, spread = values.mean(), values.std()
    scaled = (values - middle) / spread

    def loss(line: Numbers) -> tuple[float, Numbers]:
        odds = line[0] * scaled + line[1]
        error = expit(odds) - targets
        return float(np.mean(np.logaddexp(0, odds) - targets * odds)), np.array([(error * scaled).mean(), error.mean()])

    slope, bias = _least(loss, np.array([0.0, logit(targets.mean())]))
    return float(slope / spread), float(bias - slope * middle / spread)


def _softmax_lines(logits: Numbers, labels: Labels) -> dict[str, Any]:
    """Slopes and biases before a softmax over the classes that images have; the mean bias, which is free, is 0."""
    known = (labels != UNKNOWN).all(axis=1)
    present = (labels[known] == 1).any(axis=0)
    values, truth, count = logits[known][:, present], labels[known][:, present], int(present.sum())

    def loss(line: Numbers) -> tuple[float, Numbers]:
        odds = values * line[:count] + line[count:]
        error = softmax(odds, axis=1) - truth
        likelihood = float(np.mean(logsumexp(odds, axis=1) - (odds * truth).sum(axis=1)))
        return likelihood, np.concatenate([(error * values).mean(axis=0), error.mean(axis=0)])

    slope, bias = np.ones(labels.shape[1]), np.zeros(labels.shape[1])
    if count > 1:
        line = _least(loss, np.repeat([1.0, 0.0], count), [(-LARGEST_WEIGHT, LARGEST_WEIGHT)] * (2 * count))
        given = (values * line[:count] + line[count:]).argmax(axis=1)
        if (given != truth.argmax(axis=1)).any():
            slope[present], bias[present] = line[:count], line[count:] - line[count:].mean()
            return {"slope": slope.tolist(), "bias": bias.tolist(), "not_fitted": _numbers(~present)}
    return {"slope": slope.tolist(), "bias": bias.tolist(), "not_fitted": list(range(len(slope)))}


def _isotonic(logits: Numbers, labels: Labels, task: Task) -> dict[str, Any]:
    scores: list[list[float]] = []
    chances: list[list[float]] = []
    for score, truth, both in zip(probabilities(logits, task).T, labels.T, _has_both(labels), strict=True):
        known = truth != UNKNOWN
        distinct, place, images = np.unique(score[known], return_inverse=True, return_counts=True)
        if not both or len(distinct) == 1:
            scores.append([])
            chances.append([])
            continue
        steps = isotonic_regression(np.bincount(place, truth[known]) / images, weights=images).x
        # a run of equal values needs its first and last knot only
        changes = np.flatnonzero(np.diff(steps)) + 1
        knots = np.unique(np.concatenate([[0], changes - 1, changes, [len(steps) - 1]]))
        scores.append(distinct[knots].tolist())
        chances.append(steps[knots].tolist())
    not_fitted = [place for place, knots in enumerate(scores) if not knots]
    return {"scores": scores, "probabilities": chances, "not_fitted": not_fitted}


def _least(
    loss: Callable[[Numbers], tuple[float, Numbers]], start: Numbers, bounds: list[tuple[float, float]] | None = None
) -> Numbers:
    """Where a convex ``loss``, which comes with its gradient, is least."""
    options = {"maxiter": 1000, "ftol": 64 * np.finfo(float).eps, "gtol": 1e-8}
    found: Numbers = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    return found


def _log_odds(logits: NDArray[np.floating], task: Task) -> Numbers:
    """Of each class against all others, (N, classes)."""
    if task == "multilabel":
        return logits.astype(np.float64)
    others = [logsumexp(np.delete(logits, column, axis=1), axis=1) for column in range(logits.shape[1])]
    odds: Numbers = logits - np.stack(others, axis=1)
    return odds


def _summing_to_one(each: NDArray[np.floating], before: NDArray[np.floating]) -> NDArray[np.floating]:
    """Divided by their sum over the classes; where all are 0, as they were ``before``."""
    total = each.sum(axis=1, keepdims=True)
    return np.where(total > 0, each / np.where(total > 0, total, 1), before)


def _has_both(labels: Labels) -> NDArray[np.bool_]:
    both: NDArray[np.bool_] = (labels == 1).any(axis=0) & (labels == 0).any(axis=0)
    return both


def _numbers(chosen: NDArray[np.bool_]) -> list[int]:
    return [int(number) for number in np.flatnonzero(chosen)]
