"""Variance of AUROC without resampling, for independent images and for patients with several images.

An AUROC is the mean of one component for each positive (the share of negatives that it beats) and also of one for each
negative (the share of positives that beat it); its variance follows from how these components vary.

DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating characteristic
curves: a nonparametric approach", Biometrics 44 (1988); Sun and Xu, "Fast implementation of DeLong's algorithm for
comparing the areas under correlated receiver operating characteristic curves", IEEE Signal Processing Letters 21
(2014); Obuchowski, "Nonparametric analysis of clustered ROC curve data", Biometrics 53 (1997).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from thaw.evaluation.bootstrap import Interval
from thaw.labels import UNKNOWN

# of the variances of both AUROCs: a variance of their difference below this is rounding
ROUNDING = 1e-14

Floats = NDArray[np.float64]


def delong(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """AUROC (k,) of k scores of the same images, and their covariance (k, k), for independent images.

    DeLong et al. 1988, with the components in O(N log N) as by Sun and Xu 2014: what a positive beats is its midrank
    among all images less its midrank among the positives, here counted by a search in the sorted negatives. The
    covariance is NaN with a single positive or a single negative, whose spread nobody can know.

    Args:
        labels: (N,), 0, 1 or ``UNKNOWN``, which is left out.
        scores: (N, k), larger for more likely.

    Raises:
        ValueError: no positive or no negative image, or a score that is not a finite number.
    """
    of_positives, of_negatives = _components(labels, scores)
    auroc = of_positives.mean(axis=0)
    covariance = _scatter(of_positives - auroc, of_positives - auroc, len(of_positives)) / len(of_positives) ** 2
    covariance += _scatter(of_negatives - auroc, of_negatives - auroc, len(of_negatives)) / len(of_negatives) ** 2
    return auroc, covariance


def clustered_delong(
    labels: NDArray[np.integer], scores: NDArray[np.floating], patients: NDArray[np.generic]
) -> tuple[Floats, Floats]:
    """AUROC (k,) of k scores of the same images, and their covariance (k, k), for patients with several images.

    Obuchowski 1997: the components, less their mean, are summed within each patient before they are squared, and
    patients with both positives and negatives add a product of the two sums. Each of the three terms is scaled by
    n / (n - 1), with n the patients with a positive, with a negative, and with either. With one image a patient the
    result is ``delong``'s. The covariance is NaN where a single patient has all positives or all negatives.

    Args:
        labels: (N,), 0, 1 or ``UNKNOWN``, which is left out.
        scores: (N, k), larger for more likely.
        patients: whose images they are, (N,).

    Raises:
        ValueError: no positive or no negative image, or a score that is not a finite number.
    """
    of_positives, of_negatives = _components(labels, scores)
    auroc = of_positives.mean(axis=0)
    known = labels != UNKNOWN
    names, patient = np.unique(patients[known].astype(str), return_inverse=True)
    positive = labels[known] == 1
    by_positives, with_positives = _by_patient(of_positives - auroc, patient[positive], len(names))
    by_negatives, with_negatives = _by_patient(of_negatives - auroc, patient[~positive], len(names))
    cross = _scatter(by_positives, by_negatives, len(names))
    covariance = _scatter(by_positives, by_positives, with_positives)
    covariance += _scatter(by_negatives, by_negatives, with_negatives) + cross + cross.T
    return auroc, covariance


def delong_test(auroc: Floats, covariance: Floats) -> tuple[float | None, float | None]:
    """z and two-sided p of the difference of two AUROCs, the first less the second (DeLong et al. 1988).

    Both are None where the difference has no variance (the same ranking twice) or its variance is not known.

    Args:
        auroc: (2,), of ``delong`` or ``clustered_delong``.
        covariance: theirs, (2, 2).
    """
    variances = covariance[0, 0] + covariance[1, 1]
    variance = variances - 2 * covariance[0, 1]
    if not variance > ROUNDING * variances:
        return None, None
    z = float((auroc[0] - auroc[1]) / math.sqrt(variance))
    return z, math.erfc(abs(z) / math.sqrt(2))


def delong_interval(auroc: float, variance: float, confidence: float) -> Interval:
    """Interval of one AUROC, normal on the scale of its logit, so that it stays between 0 and 1.

    Near 1 the plain normal interval reaches beyond 1 and covers too rarely: Qin and Hotilovac, "Comparison of
    non-parametric confidence intervals for the area under the ROC curve of a continuous-scale diagnostic test",
    Statistical Methods in Medical Research 17 (2008). None at both ends for an AUROC of 0 or 1, whose variance the
    method takes to be 0, and for an unknown variance.
    """
    if not 0 < auroc < 1 or not variance >= 0:
        return Interval(None, None)
    reach = ndtri((1 + confidence) / 2) * math.sqrt(variance) / (auroc * (1 - auroc))
    return Interval(float(expit(logit(auroc) - reach)), float(expit(logit(auroc) + reach)))


def _components(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Of the positives (m, k) and of the negatives (n, k), in the order of the images."""
    if not np.isfinite(scores).all():
        raise ValueError("scores hold NaN or infinity")
    positives, negatives = scores[labels == 1], scores[labels == 0]
    if not len(positives) or not len(negatives):
        raise ValueError("AUROC needs at least one positive and one negative image")
    columns = list(zip(positives.T, negatives.T, strict=True))
    of_positives = np.stack([_beaten(positive, negative) for positive, negative in columns], axis=1)
    of_negatives = np.stack([1 - _beaten(negative, positive) for positive, negative in columns], axis=1)
    return of_positives, of_negatives


def _beaten(scores: NDArray[np.floating], others: NDArray[np.floating]) -> Floats:
    """Share of the ``others`` that each score is above, ties counted half."""
    ordered = np.sort(others)
    return (np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")) / (2 * len(ordered))


def _scatter(left: Floats, right: Floats, units: int) -> Floats:
    """Sum of products (k, k) over the rows, by n / (n - 1); NaN for a single unit."""
    if units < 2:
        return np.full((left.shape[1], right.shape[1]), np.nan)
    scatter: Floats = left.T @ right * (units / (units - 1))
    return scatter


def _by_patient(centred: Floats, patient: NDArray[np.intp], patients: int) -> tuple[Floats, int]:
    """Sums over the number of images (patients, k), and how many patients have one."""
    sums = np.stack([np.bincount(patient, weights=column, minlength=patients) for column in centred.T], axis=1)
    return sums / len(centred), len(np.unique(patient))
