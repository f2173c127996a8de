"""Training on shuffled labels: a network must then know nothing of the test images, and AUROC must be 0.5.

One such training proves little. Where a single feature tells the classes apart, whatever a network makes of shuffled
labels ranks the test images by this feature, upwards or downwards as chance has it, and AUROC is far above or far below
0.5. It is 0.5 on average over shufflings. So several are trained, each with labels and a head of its own, and the
interval holds both what other test patients and what other shufflings would have given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from thaw.errors import UserError
from thaw.evaluation.bootstrap import Interval, Resampling, interval
from thaw.prepared import Prepared
from thaw.shortcuts.scored import score
from thaw.shortcuts.trial import Predict

SHUFFLINGS = 5


def shuffle_labels(data: Prepared, seed: int) -> Prepared:
    """Deal the labels of training images among them anew, and those of validation images; test labels stay.

    The rows of labels, laid out patient by patient in one random order, are given to the images laid out patient by
    patient in another. So every row of labels stays in use once, and rows of one patient mostly stay together: only
    what ties them to the pictures is lost.

    Raises:
        UserError: training or validation has only one patient, whose labels nobody can take.
    """
    random, table = np.random.default_rng(seed), data.table.reset_index(drop=True)
    shuffled = table.copy()
    for split in ("train", "val"):
        rows = np.flatnonzero(table["split"] == split)
        patients = table["patient"].to_numpy(str)[rows]
        if len(set(patients.tolist())) < 2:
            raise UserError(f"labels are shuffled between patients, and {split} has fewer than two")
        taken, given = (rows[_laid_out(patients, random)] for _ in range(2))
        dealt = table.loc[taken, data.classes].set_axis(given)
        shuffled.loc[given, data.classes] = dealt
    return replace(data, table=shuffled)


def _laid_out(patients: NDArray[np.str_], random: np.random.Generator) -> NDArray[np.int64]:
    """The places of images, patients in a random order, the images of each together."""
    names, codes = np.unique(patients, return_inverse=True)
    return np.asarray(np.argsort(random.permutation(len(names))[codes], kind="stable"), dtype=np.int64)


def measure_shuffled(
    predict: Predict, data: Prepared, resamples: int, confidence: float, shufflings: int = SHUFFLINGS
) -> dict[str, Any]:
    """Train on shuffled labels several times and measure on true test labels.

    Args:
        predict: trains and predicts test images.
        data: with its true labels.
        resamples: samples of test patients for the interval.
        confidence: of the interval.
        shufflings: how many trainings, 2 or more.

    Returns:
        ``shufflings``; ``auroc_by_shuffling``; ``auroc_macro``, their mean, with ``low`` and ``high``; ``passed``:
        whether 0.5 lies between these.

    Raises:
        UserError: no class has test images with and without it.
    """
    made = [predict(shuffle_labels(data, seed), seed) for seed in range(shufflings)]
    resampling = Resampling.of(made[0].patients, resamples)
    scored = [score(one.labels, one.scores, resampling) for one in made]
    values = [one.macro for one in scored if one.macro is not None]
    if not values:
        raise UserError("no class has test images both with and without it: there is no AUROC")
    over_patients = interval(np.mean([one.samples for one in scored], axis=0), confidence)
    low, high = _widened(over_patients, values, confidence)
    return {
        "shufflings": shufflings,
        "auroc_by_shuffling": values,
        "auroc_macro": float(np.mean(values)),
        "low": low,
        "high": high,
        "passed": low <= 0.5 <= high,
    }


def _widened(over_patients: Interval, values: Sequence[float], confidence: float) -> tuple[float, float]:
    """The interval over patients, and Student's over shufflings, their half widths added in squares."""
    mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))
    reach = float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * spread / len(values) ** 0.5
    below = 0.0 if over_patients.low is None else mean - over_patients.low
    above = 0.0 if over_patients.high is None else over_patients.high - mean
    return mean - float(np.hypot(below, reach)), mean + float(np.hypot(above, reach))
