"""Iterative stratification of patients.

After Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data", ECML PKDD 2011, Algorithm 1, with
patients in the place of examples: a patient brings all its images, and as many positives of a class as it has.
Two things differ. There an example goes to the subset that still wants the most of its label in the end; by that
rule every large patient, dealt first, would be a training patient. Here it goes to the split that is furthest behind
its share of what is dealt so far, so that large and small patients are spread over the splits alike. And patients with
several classes leave a rest that dealing cannot even out, so single patients are moved afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

UNDEALT = -1


def stratify(counts: NDArray[np.int64], keys: NDArray[np.uint64], fractions: Sequence[float]) -> NDArray[np.int64]:
    """Return the split of every patient, an index into ``fractions``; shape (patients,).

    ``counts`` (patients, classes + 1): positive images of each class, then all images (at least 1), in the order that
    decides ties between patients. ``keys`` (patients,): a pseudo-random number each, which decides ties between splits.
    ``fractions``: above 0, summing to 1, no more than there are patients.

    The rarest class is dealt first, large patients before small ones, each to the split that is furthest behind in that
    class, then in images; patients without any class come last and even out the images. A patient who is the only one
    with some class goes to the first split, where the sizes allow it.

    Every split holds its fraction of the images to within the images of the largest patient, L. Proof: the deviations
    sum to 0, so while one exceeds L there is a split with an excess e > 0 and one with a deficit d > 0, one of the two
    above L. Moving a patient of n <= L images between them turns e + d into |e - n| + |d - n| < e + d: the sum of
    deviations falls with each move, so ``_repair`` ends, and ends with no deviation above L. Then ``_fill`` gives an
    empty split one patient of the fullest split that has two or more; that keeps the bound whenever the giver had an
    excess. Otherwise (about as few patients as splits) the giver may lack up to L more per split filled.
    """
    deal = _Deal(counts, keys, fractions)
    for patient in np.flatnonzero(deal.alone).tolist():
        deal.give(patient, 0)
    while (deal.assignment == UNDEALT).any():
        _deal_rarest(deal)
    _refine(deal)
    _repair(deal)
    _fill(deal)
    return deal.assignment


class _Deal:
    """The split of each patient so far, and what each split holds and should hold: shapes (splits, classes + 1)."""

    def __init__(self, counts: NDArray[np.int64], keys: NDArray[np.uint64], fractions: Sequence[float]) -> None:
        self.counts, self.keys = counts, keys
        self.images = counts[:, -1]
        self.fractions = np.asarray(fractions, dtype=np.float64)
        self.desired = np.outer(self.fractions, counts.sum(axis=0))
        self.held = np.zeros(self.desired.shape, dtype=np.int64)
        self.assignment = np.full(len(counts), UNDEALT, dtype=np.int64)
        has = counts[:, :-1] > 0
        self.alone = np.asarray(has[:, has.sum(axis=0) == 1].any(axis=1))
        self.weighted = counts / np.maximum(counts.sum(axis=0), 1)

    def give(self, patient: int, split: int) -> None:
        """Put a patient into a split, out of the one it was in."""
        former = self.assignment[patient]
        if former != UNDEALT:
            self.held[former] -= self.counts[patient]
        self.held[split] += self.counts[patient]
        self.assignment[patient] = split

    def behind(self, column: int, patient: int) -> list[float]:
        """How far each split is behind its fraction of what is dealt of a column once ``patient`` is; splits long."""
        held = self.held[:, column]
        behind: list[float] = (self.fractions * (held.sum() + self.counts[patient, column]) - held).tolist()
        return behind

    def lacking(self) -> NDArray[np.float64]:
        """Images that each split lacks (negative: has too many); shape (splits,)."""
        lacking: NDArray[np.float64] = self.desired[:, -1] - self.held[:, -1]
        return lacking

    def costs(self) -> NDArray[np.float64]:
        """What moving each patient to each split adds to the imbalance; shape (patients, splits).

        The imbalance is, as in a chi-square, the sum over splits, classes and the images of (desired - held)² / total.
        """
        wanted = self.weighted @ (self.desired - self.held).T
        kept = np.take_along_axis(wanted, self.assignment[:, None], axis=1)
        # Rounded, so that the last bit of a sum, which may differ between machines, never decides.
        costs: NDArray[np.float64] = 2 * (kept - wanted + (self.weighted * self.counts).sum(axis=1, keepdims=True))
        return costs.round(9)


def _deal_rarest(deal: _Deal) -> None:
    """Deal every undealt patient of the class with the fewest undealt positives; the images count as the last class."""
    undealt = np.flatnonzero(deal.assignment == UNDEALT)
    remaining = deal.counts[undealt].sum(axis=0)
    column = int(np.argmin(np.where(remaining > 0, remaining, np.iinfo(np.int64).max)))
    patients = undealt[deal.counts[undealt, column] > 0]
    # Large patients first: the small ones then fill the gaps that these leave.
    for patient in patients[np.argsort(-deal.images[patients], kind="stable")].tolist():
        deal.give(patient, _neediest(deal, column, patient))


def _neediest(deal: _Deal, column: int, patient: int) -> int:
    """Return the split furthest behind its share of a column, then of the images; ties by the patient's key."""
    needs = list(zip(deal.behind(column, patient), deal.behind(-1, patient), strict=True))
    most = max(needs)
    tied = [split for split, need in enumerate(needs) if need == most]
    return tied[int(deal.keys[patient]) % len(tied)]


def _refine(deal: _Deal) -> None:
    """Make the move that lowers the imbalance most, as long as there is one; it falls each time, so this ends."""
    while (costs := np.where(deal.alone[:, None], np.inf, deal.costs())).min() < 0:
        patient, split = divmod(int(costs.argmin()), costs.shape[1])
        deal.give(patient, split)


def _repair(deal: _Deal) -> None:
    """Move patients from the fullest to the emptiest split until none deviates by more than the largest patient."""
    # Fractions such as 0.7 are not exact in binary; a deviation of exactly one patient must not count as more.
    limit = deal.images.max() + 1e-9 * deal.images.sum()
    while np.abs(lacking := deal.lacking()).max() > limit:
        fullest, emptiest = int(lacking.argmin()), int(lacking.argmax())
        patients = np.flatnonzero(deal.assignment == fullest)
        cheapest = np.lexsort((deal.costs()[patients, emptiest], deal.alone[patients]))[0]
        deal.give(int(patients[cheapest]), emptiest)


def _fill(deal: _Deal) -> None:
    """Give each empty split the smallest patient of the fullest split that has more than one."""
    for empty in range(len(deal.held)):
        held = np.bincount(deal.assignment, minlength=len(deal.held))
        if held[empty] == 0:
            giver = int(np.where(held > 1, deal.lacking(), np.inf).argmin())
            patients = np.flatnonzero(deal.assignment == giver)
            smallest = np.lexsort((deal.images[patients], deal.alone[patients]))[0]
            deal.give(int(patients[smallest]), empty)
