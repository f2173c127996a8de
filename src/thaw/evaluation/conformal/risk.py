"""Thresholds that keep a promised risk: conformal risk control, RCPS and Learn then Test.

Each finds the threshold with the smallest sets (or, against false discoveries, the largest) that keeps the promise, or
None where no threshold does.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, expit, rel_entr

from thaw.evaluation.conformal.losses import Curve

# Learn then Test needs thresholds that were chosen without looking at the patients; log-odds from -10 to 10, and 0,
# where a set holds every class
GRID: NDArray[np.float64] = np.concatenate([[0.0], expit(np.linspace(-10, 10, 1001))])

# sums of thousands of shares are exact to about 1e-12
TOLERANCE = 1e-9


def patients_needed(risk: float, confidence: float | None = None) -> int:
    """How many patients the promise needs even if no set ever loses anything.

    On average (without ``confidence``) 1 / (n + 1) <= risk; with confidence (1 - risk)^n <= 1 - confidence.

    >>> patients_needed(0.1), patients_needed(0.1, 0.9)
    (9, 22)
    """
    if confidence is None:
        return math.ceil(1 / risk - TOLERANCE) - 1
    return math.ceil(math.log1p(-confidence) / math.log1p(-risk) - TOLERANCE)


def crc(curve: Curve, risk: float) -> float | None:
    """The highest threshold at which the mean loss of a new patient is at most ``risk``, on average over calibrations.

    Conformal risk control: n / (n + 1) × mean loss + 1 / (n + 1) <= risk. Angelopoulos, Bates, Fisch, Lei and Schuster
    (2022), arXiv 2208.02814, theorem 1. Of a loss that is 0 or 1 it is split conformal prediction.

    Args:
        curve: of a loss from 0 to 1 that rises with the threshold, at every score where it changes.
        risk: the promise, between 0 and 1.
    """
    if curve.patients < patients_needed(risk):
        return None
    allowed = curve.patients * curve.risks + 1 <= risk * (curve.patients + 1) + TOLERANCE
    return float(curve.thresholds[allowed][-1]) if allowed.any() else None


def rcps(curve: Curve, risk: float, confidence: float) -> float | None:
    """The highest threshold at which the mean loss of new patients is at most ``risk``, with ``confidence``.

    Risk-controlling prediction sets, by the Hoeffding-Bentkus bound: the bound is at most ``risk`` where the p-value of
    "the risk is larger" is at most 1 - confidence. Bates, Angelopoulos, Lei, Malik and Jordan (2021), arXiv 2101.02703,
    sections 2 (calibration by an upper bound) and 3.1 (bounds).

    Args:
        curve: of a loss from 0 to 1 that rises with the threshold, at every score where it changes.
        risk: the promise, between 0 and 1.
        confidence: the share of calibrations that keep it.
    """
    if curve.patients < patients_needed(risk, confidence):
        return None
    kept = bisect_right(
        curve.risks,
        1 - confidence + TOLERANCE,
        key=lambda mean: float(hoeffding_bentkus(np.array([mean]), curve.patients, risk)[0]),
    )
    return float(curve.thresholds[kept - 1]) if kept else None


def learn_then_test(curve: Curve, risk: float, confidence: float, safest: Literal["lowest", "highest"]) -> float | None:
    """The last threshold, from the safest on, up to which the mean loss is at most ``risk``, with ``confidence``.

    Fixed-sequence testing: "the risk is larger" is tested at one threshold after another until it cannot be rejected,
    so the loss need not be monotone and no correction for the number of tests is paid. Angelopoulos, Bates, Candès,
    Jordan and Lei (2021), arXiv 2110.01052, theorem 1, with fixed-sequence testing and Hoeffding-Bentkus p-values.

    Args:
        curve: of a loss from 0 to 1, at thresholds chosen without looking at these patients (``GRID``).
        risk: the promise, between 0 and 1.
        confidence: the share of calibrations that keep it.
        safest: at which end of the thresholds the loss is expected to be smallest.
    """
    if curve.patients < patients_needed(risk, confidence):
        return None
    step = 1 if safest == "lowest" else -1
    rejected = hoeffding_bentkus(curve.risks, curve.patients, risk)[::step] <= 1 - confidence + TOLERANCE
    passed = len(rejected) if rejected.all() else int(rejected.argmin())
    return float(curve.thresholds[::step][passed - 1]) if passed else None


def hoeffding_bentkus(means: NDArray[np.float64], patients: int, risk: float) -> NDArray[np.float64]:
    """P-values of "the risk is larger than ``risk``", (T,), given ``means`` (T,) of the losses of so many patients.

    The smaller of Hoeffding's and Bentkus's. Bates et al. (2021), arXiv 2101.02703, section 3.1; Angelopoulos et al.
    (2021), arXiv 2110.01052.
    """
    below = np.minimum(means, risk)
    hoeffding = np.exp(-patients * (rel_entr(below, risk) + rel_entr(1 - below, 1 - risk)))
    bentkus = math.e * bdtr(np.ceil(patients * means - TOLERANCE), patients, risk)
    smaller: NDArray[np.float64] = np.minimum(hoeffding, bentkus)
    return smaller
