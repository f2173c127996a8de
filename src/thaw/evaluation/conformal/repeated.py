"""Whether prediction sets keep their promise: checked on many random halvings of the test patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.conformal.losses import Chosen, Floats, Labels
from thaw.evaluation.conformal.risk import TOLERANCE
from thaw.evaluation.conformal.sets import Cohort, Method, methods_of
from thaw.labels import Task
from thaw.params.evaluation import ConformalParams

# a promise counts as broken where it is missed by more Monte-Carlo errors than these
ERRORS = 3.0


def check_promise(
    labels: Labels,
    probabilities: NDArray[np.floating],
    patients: NDArray[np.object_],
    task: Task,
    settings: ConformalParams,
    seed: int,
) -> dict[str, Any]:
    """Halve the test patients ``settings.repeats`` times, fit levels on one half and measure the loss on the other.

    A promise on average is one about the mean loss of the other half over all halvings. A promise with confidence is
    one about the patients from whom the calibration patients were drawn, so a halving breaks it where the mean loss of
    all test patients exceeds the promise: the other half alone would also miss it by the luck of its own draw.
    Hoeffding's and Bentkus's bounds hold for patients drawn without replacement (Hoeffding, "Probability inequalities
    for sums of bounded random variables", Journal of the American Statistical Association 58 (1963), section 6).
    Levels are exact, not taken from a grid, but for Learn then Test's. Arguments and errors as ``measure_conformal``.

    Returns:
        By name of the method: ``promised``; ``confidence``; ``repeats``; ``attained``, in how many of them a level
        exists and the other half can be measured; ``risks``, the mean loss of the other half in each of these;
        their ``mean`` and its ``monte_carlo_error``; ``above``, the share of them above the promise. With a
        confidence: ``violations``, the share of all repeats whose level breaks the promise, ``allowed``, the share
        that may, and its binomial ``violation_error``. For class-conditional sets ``risks`` are means over the
        classes, and ``by_class`` has a ``mean``, ``monte_carlo_error`` and ``attained`` for each, in the order of the
        columns. ``held``: whether the promise held (every class's, where each has one) within three Monte-Carlo
        errors; None where that cannot be said.
    """
    cohort = Cohort.of(labels, probabilities, patients)
    random = np.random.default_rng(seed)
    halvings = [cohort.halve(random) for _ in range(settings.repeats)]
    return {method.name: _checked(method, halvings) for method in methods_of(cohort, task, settings)}


def _checked(method: Method, halvings: Sequence[Chosen]) -> dict[str, Any]:
    other, everyone = _risks(method, halvings)
    defined = np.isfinite(other)
    attained = defined.any(axis=1)
    risks = np.where(defined, other, 0).sum(axis=1)[attained] / defined.sum(axis=1)[attained]
    by_class = [_summary(column) for column in other.T]
    checked: dict[str, Any] = {
        "promised": method.promised,
        "confidence": method.confidence,
        "repeats": len(halvings),
        "risks": [float(risk) for risk in risks],
        **_summary(risks),
        "above": float(np.mean(risks > method.promised + TOLERANCE)) if len(risks) else None,
    }
    if method.confidence is not None:
        return {**checked, **_violations(everyone[:, 0], method.promised, method.confidence)}
    verdicts = [_held(summary, method.promised) for summary in by_class]
    held = False if False in verdicts else True if True in verdicts else None
    return {**checked, **({"by_class": by_class} if method.by_class else {}), "held": held}


def _risks(method: Method, halvings: Sequence[Chosen]) -> tuple[Floats, Floats]:
    """Mean loss of the other half and of all patients, (repeats, levels); NaN where there is no level or no patient."""
    other = np.full((len(halvings), len(method.losses)), np.nan)
    everyone = other.copy()
    for row, half in enumerate(halvings):
        for column, (losses, level) in enumerate(zip(method.losses, method.levels(half), strict=True)):
            if level is not None:
                other[row, column] = losses.risk(~half, level)
                everyone[row, column] = losses.risk(np.ones_like(half), level)
    return other, everyone


def _summary(values: Floats) -> dict[str, Any]:
    defined = values[np.isfinite(values)]
    error = float(defined.std(ddof=1) / np.sqrt(len(defined))) if len(defined) > 1 else None
    mean = float(defined.mean()) if len(defined) else None
    return {"attained": len(defined), "mean": mean, "monte_carlo_error": error}


def _held(summary: dict[str, Any], promised: float) -> bool | None:
    if summary["monte_carlo_error"] is None:
        return None
    return bool(summary["mean"] <= promised + ERRORS * summary["monte_carlo_error"] + TOLERANCE)


def _violations(everyone: Floats, promised: float, confidence: float) -> dict[str, Any]:
    if not np.isfinite(everyone).any():
        return dict.fromkeys(("violations", "allowed", "violation_error", "held"))
    allowed = 1 - confidence
    # a comparison with NaN is false: without a level nothing was promised
    violations = float(np.mean(everyone > promised + TOLERANCE))
    error = float(np.sqrt(allowed * confidence / len(everyone)))
    held = bool(violations <= allowed + ERRORS * error)
    return {"violations": violations, "allowed": allowed, "violation_error": error, "held": held}
