"""McNemar's test of two right-or-wrong decisions about the same images, with patients in place of images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# what rounding leaves of chances that are smaller
SMALLEST = 1e-12


class Discordance(NamedTuple):
    """On how many images only the first, and only the second, is right; p-value of both being right as often."""

    first_only: int
    second_only: int
    p: float


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_], patients: NDArray[np.integer]) -> Discordance:
    """Exact two-sided test, in which all decisions about a patient change sides together.

    McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12 (1947), compares how often only one of both is right. His test takes images for independent, which
    several of one patient are not. Here a patient brings a surplus, the images that only the first has right less
    those that only the second has right. Where both are equally good the surplus might as well be the other's, so the
    p-value is the share of all changes of signs that bring the sum of surpluses at least as far from 0 (the
    randomisation test of Fisher, "The Design of Experiments" (1935), section 21; by patients as Rosner, Glynn and Lee,
    "The Wilcoxon signed rank test for paired comparisons of clustered data", Biometrics 62 (2006)). With one image a
    patient it is McNemar's exact test: the binomial of the discordant images.

    Args:
        first: (N,), which decisions are right.
        second: (N,), the same decisions by the other.
        patients: number of each decision's patient, (N,), 0 or more.
    """
    surplus = np.bincount(patients, weights=first.astype(np.float64) - second).astype(np.int64)
    return Discordance(int((first & ~second).sum()), int((second & ~first).sum()), _chance(surplus))


def _chance(surplus: NDArray[np.int64]) -> float:
    """Of the sum of surpluses with signs at random to lie as far from 0 as the sum of the surpluses, or farther."""
    sizes, counts = np.unique(np.abs(surplus[surplus != 0]), return_counts=True)
    points = 2 * int(sizes @ counts) + 1
    # cos(size × angle) is the characteristic function of one surplus; the product is that of their sum
    angles = 2 * np.pi * np.arange(points) / points
    product = np.prod(np.cos(sizes[:, None] * angles) ** counts[:, None], axis=0)
    chances = np.fft.ifft(product).real
    distances = np.minimum(np.arange(points), points - np.arange(points))
    return float(np.clip(chances[distances >= abs(surplus.sum())].sum(), SMALLEST, 1))
