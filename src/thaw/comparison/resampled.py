"""The figures of one contender on the test patients and on every sample of them, by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thaw.comparison.contender import Contender, aligned
from thaw.comparison.settings import ComparisonSettings
from thaw.evaluation.auroc import auroc_by_class
from thaw.evaluation.bootstrap import Resampling, macro_of, share
from thaw.evaluation.decisions import decide
from thaw.evaluation.predictions import Predictions
from thaw.labels import UNKNOWN


@dataclass(frozen=True)
class Resampled:
    """One figure; NaN where it is undefined.

    Attributes:
        values: on the test patients, (seeds,).
        samples: on each sample of them, (resamples, seeds).
        patients: how many it rests on: of each class the fewer of those with and those without it, all together.
        averages: how many averages are taken of these patients: one a class.
    """

    values: NDArray[np.float64]
    samples: NDArray[np.float64]
    patients: int
    averages: int = 1

    @property
    def mean(self) -> float | None:
        """On the test patients, over seeds; None where it is undefined."""
        mean = float(self.values.mean())
        return mean if np.isfinite(mean) else None

    @property
    def freedom(self) -> int:
        """Degrees of freedom of its error from patient to patient, 0 or less where that cannot be told."""
        return self.patients - self.averages


@dataclass(frozen=True)
class Measured:
    """All figures of one contender.

    Attributes:
        contender: whose they are.
        auroc_macro: mean over the classes that have an AUROC on the test patients.
        auroc: by class.
        accuracy: share of right decisions about images (multiclass) or about images and classes (multilabel).
        accuracy_by_class: share of right decisions about a class; empty for multiclass.
        right: which decisions are right, (seeds, N, classes), or (seeds, N, 1) for multiclass.
        known: which of them can be judged, (N, classes) or (N, 1).
    """

    contender: Contender
    auroc_macro: Resampled
    auroc: dict[str, Resampled]
    accuracy: Resampled
    accuracy_by_class: dict[str, Resampled]
    right: NDArray[np.bool_]
    known: NDArray[np.bool_]

    @property
    def seeds(self) -> int:
        """How many trainings it stands for."""
        return len(self.contender.predictions)


def measure_contenders(
    contenders: Sequence[Contender], settings: ComparisonSettings
) -> tuple[list[Measured], Resampling]:
    """All figures of all contenders on the same samples of patients.

    Raises:
        UserError: the contenders are not of the same images (see ``aligned``).
        ValueError: there is no contender.
    """
    if not contenders:
        raise ValueError("nothing to compare: no contenders")
    ordered = aligned(contenders)
    resampling = Resampling.of(ordered[0].predictions[0].patients, settings.resamples, settings.seed)
    return [_measure(contender, resampling, settings.threshold) for contender in ordered], resampling


def _measure(contender: Contender, resampling: Resampling, threshold: float) -> Measured:
    seeds, first = contender.predictions, contender.predictions[0]
    values = np.array([auroc_by_class(made.labels, made.scores) for made in seeds], dtype=np.float64)
    values = values.reshape(len(seeds), len(first.classes))
    samples = np.stack([resampling.auroc(made.labels, made.scores) for made in seeds], axis=2)
    macros = np.stack([macro_of(samples[:, :, seed]) for seed in range(len(seeds))], axis=1)
    rests_on = rarer_side(first.labels, resampling.patients)
    known = _known(first)
    right = np.stack([_right(made, threshold) for made in seeds]) & known
    accuracy, *by_class = _accuracy(right, known, resampling)
    return Measured(
        contender,
        Resampled(macro_of(values), macros, int(rests_on.any(axis=1).sum()), int(rests_on.any(axis=0).sum())),
        {
            name: Resampled(values[:, place], samples[:, place], int(rests_on[:, place].sum()))
            for place, name in enumerate(first.classes)
        },
        accuracy,
        dict(zip(first.classes, by_class, strict=True)) if first.task == "multilabel" else {},
        right,
        known,
    )


def rarer_side(labels: NDArray[np.integer], patients: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which patients an AUROC rests on: those with the class, or those without it if they are fewer.

    Args:
        labels: (N, classes), 0, 1 or ``UNKNOWN``.
        patients: number of the patient of each image, (N,).

    Returns:
        (patients, classes); none for a class without an AUROC.
    """
    sides = np.zeros((2, int(patients.max(initial=-1)) + 1, labels.shape[1]), dtype=bool)
    images, classes = np.nonzero(labels != UNKNOWN)
    sides[labels[images, classes], patients[images], classes] = True
    counts = sides.sum(axis=1)
    rarer: NDArray[np.bool_] = np.where(counts[0] < counts[1], sides[0], sides[1]) & (counts > 0).all(axis=0)
    return rarer


def _known(made: Predictions) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = made.labels != UNKNOWN
    return known if made.task == "multilabel" else (made.labels == 1).any(axis=1, keepdims=True)


def _right(made: Predictions, threshold: float) -> NDArray[np.bool_]:
    given, present = decide(made.scores, made.task, threshold) == 1, made.labels == 1
    right: NDArray[np.bool_] = given == present
    return right if made.task == "multilabel" else (given & present).any(axis=1, keepdims=True)


def _accuracy(right: NDArray[np.bool_], known: NDArray[np.bool_], resampling: Resampling) -> list[Resampled]:
    """Of all decisions, then of those in each column."""
    judged, found = _with_all(known), [_with_all(of_seed) for of_seed in right]
    values = np.stack([share(counts.sum(axis=0), judged.sum(axis=0)) for counts in found])
    judged_in_samples = resampling.sums(judged)
    samples = np.stack([share(resampling.sums(counts), judged_in_samples) for counts in found], axis=1)
    patients = [len(np.unique(resampling.patients[column > 0])) for column in judged.T]
    return [Resampled(values[:, column], samples[:, :, column], of_column) for column, of_column in enumerate(patients)]


def _with_all(decisions: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Counts of each image, (N, 1 + columns): over all columns, then each."""
    counts: NDArray[np.int64] = np.hstack([decisions.sum(axis=1, keepdims=True), decisions]).astype(np.int64)
    return counts
