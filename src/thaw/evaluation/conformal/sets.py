"""The kinds of prediction sets, and the probabilities from which a class is in a set.

All are made of one rule: a set holds the classes whose calibrated probability reaches a level. Sadinle, Lei and
Wasserman, "Least ambiguous set-valued classifiers with bounded error levels", Journal of the American Statistical
Association 114 (2019), sections 2 (one level) and 3 (a level for each class): of all sets with the same promise these
are the smallest on average.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.conformal.losses import Chosen, Curve, Floats, Labels, Loss, Losses, false_discoveries, missed
from thaw.evaluation.conformal.risk import GRID, crc, learn_then_test, patients_needed, rcps
from thaw.labels import Task
from thaw.params.evaluation import ConformalParams


@dataclass(frozen=True)
class Cohort:
    """Labels and calibrated probabilities of N images and whose they are.

    Attributes:
        labels: (N, classes), 0, 1 or ``UNKNOWN``.
        probabilities: (N, classes), from 0 to 1.
        owners: number of each image's patient in the order of the names, (N,).
        patients: how many patients there are.
    """

    labels: Labels
    probabilities: Floats
    owners: NDArray[np.int64]
    patients: int

    @classmethod
    def of(cls, labels: Labels, probabilities: NDArray[np.floating], patients: NDArray[np.object_]) -> Cohort:
        """Of the patients' names, (N,).

        Raises:
            ValueError: a probability is not a number from 0 to 1.
        """
        if not ((probabilities >= 0) & (probabilities <= 1)).all():
            raise ValueError("probabilities hold NaN, or numbers below 0 or above 1")
        names, owners = np.unique(patients.astype(str), return_inverse=True)
        return cls(labels, probabilities.astype(np.float64), owners.astype(np.int64), len(names))

    def halve(self, random: np.random.Generator) -> Chosen:
        """Half of the patients, (patients,), chosen at random; the draw depends on the names, not on the images."""
        return random.permutation(self.patients) < self.patients // 2


@dataclass(frozen=True)
class Method:
    """A kind of prediction sets and its promise.

    Attributes:
        name: as the results call it.
        loss: what the promise is about.
        losses: of the patients; one for all classes, or one for each class where ``by_class``.
        find: the level of a curve, or None where no level keeps the promise.
        promised: the mean loss that is kept.
        confidence: the share of calibrations that keep it; None where it is kept on average over them.
        by_class: whether every class has a level, and the promise, of its own.
        grid: at which levels curves are made; None for wherever they change.
    """

    name: str
    loss: Loss
    losses: tuple[Losses, ...]
    find: Callable[[Curve], float | None]
    promised: float
    confidence: float | None = None
    by_class: bool = False
    grid: Floats | None = None

    def levels(self, chosen: Chosen) -> tuple[float | None, ...]:
        """The level for all classes, or that of each, fitted on the ``chosen`` patients, (patients,)."""
        return tuple(self.find(losses.curve(chosen, self.grid)) for losses in self.losses)

    def reason(self, halves: Sequence[Chosen]) -> str | None:
        """Why the promise cannot be kept with levels from each of the ``halves``; None where it can.

        For levels by class it cannot only where no class has a level.
        """
        lacking = [level is None for half in halves for level in self.levels(half)]
        if not any(lacking) or (self.by_class and not all(lacking)):
            return None
        needed = patients_needed(self.promised, self.confidence)
        fewest = min(losses.count(half) for losses in self.losses for half in halves)
        if fewest >= needed:
            return f"at every level too many classes of a set are wrong to promise {self.promised:g}"
        of = " of each class" if self.by_class else ""
        return f"a promise of {self.promised:g} needs {needed} patients{of} in each half, and a half has {fewest}"


def sets(probabilities: Floats, levels: Sequence[float | None]) -> NDArray[np.bool_]:
    """Which classes each image's set holds, (N, classes); a class whose level is None is in every set.

    Args:
        probabilities: (N, classes).
        levels: one for all classes, or one for each.
    """
    return probabilities >= np.array([0.0 if level is None else level for level in levels])


def methods_of(cohort: Cohort, task: Task, settings: ConformalParams) -> tuple[Method, ...]:
    """The kinds of sets for a task, the principal one first."""
    if task == "multiclass":
        return marginal(cohort, settings), class_conditional(cohort, settings)
    return (*false_negative_rate(cohort, settings), false_discovery_rate(cohort, settings))


def marginal(cohort: Cohort, settings: ConformalParams) -> Method:
    """Sets that hold the true class as often as promised, over all patients.

    With one image a patient it is split conformal prediction.
    """
    find = partial(crc, risk=settings.risk)
    return Method("marginal", "missed", (_missed(cohort),), find, settings.risk)


def class_conditional(cohort: Cohort, settings: ConformalParams) -> Method:
    """Sets that hold the true class as often as promised among the patients of every single class.

    Vovk, "Conditional validity of inductive conformal predictors", Machine Learning 92 (2013), section 4 (label
    conditional); a class with too few patients is in every set.
    """
    losses = tuple(
        missed(cohort.labels[:, [place]], cohort.probabilities[:, [place]], cohort.owners, cohort.patients)
        for place in range(cohort.labels.shape[1])
    )
    find = partial(crc, risk=settings.risk)
    return Method("class_conditional", "missed", losses, find, settings.risk, by_class=True)


def false_negative_rate(cohort: Cohort, settings: ConformalParams) -> tuple[Method, Method, Method]:
    """Sets that miss no larger share of an image's findings than promised, on average and with confidence.

    The loss rises with the level, so RCPS and Learn then Test, which test the same p-values from the lowest level on,
    come to the same level but for the steps of Learn then Test's grid.
    """
    losses, risk, confidence = (_missed(cohort),), settings.risk, settings.confidence
    name = "false_negative_rate"
    tests = partial(learn_then_test, risk=risk, confidence=confidence, safest="lowest")
    return (
        Method(f"{name}_crc", "missed", losses, partial(crc, risk=risk), risk),
        Method(f"{name}_rcps", "missed", losses, partial(rcps, risk=risk, confidence=confidence), risk, confidence),
        Method(f"{name}_ltt", "missed", losses, tests, risk, confidence, grid=GRID),
    )


def false_discovery_rate(cohort: Cohort, settings: ConformalParams) -> Method:
    """Sets of whose classes no larger share is wrong than promised, with confidence; as large as that allows."""
    losses = false_discoveries(cohort.labels, cohort.probabilities, cohort.owners, cohort.patients)
    find = partial(learn_then_test, risk=settings.risk, confidence=settings.confidence, safest="highest")
    name = "false_discovery_rate_ltt"
    return Method(name, "false_discovery", (losses,), find, settings.risk, settings.confidence, grid=GRID)


def _missed(cohort: Cohort) -> Losses:
    return missed(cohort.labels, cohort.probabilities, cohort.owners, cohort.patients)
