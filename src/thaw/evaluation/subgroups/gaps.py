"""The largest gap between two groups that one factor tells apart, and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.bootstrap import macro_of
from thaw.evaluation.subgroups.figures import HIGHER_IS_BETTER, Figure, ends_of

ROUNDING = 1e-12  # figures closer than this are equal


def largest_gaps(groups: Mapping[str, Mapping[str, Figure]], confidence: float) -> dict[str, dict[str, Any]]:
    """The worst and the best group by each figure, of groups that one factor, or two, tell apart.

    Only classes that all compared groups define count, so that all are averaged over the same. A group that defines no
    class at all is not compared.

    ``interval`` is that of the difference of the named pair, both taken from the same samples of patients. It does not
    know that the pair was picked for being the farthest apart, which makes gaps among many groups look larger than
    they are. ``p_value`` does: it is the share of samples whose largest gap among all groups is as large as the one
    found, after every group's samples are moved so that there is no gap (Westfall and Young, "Resampling-Based Multiple
    Testing" (1993), section 2.2, with the range in place of the maximum).

    Args:
        groups: group → name of the figure → figure; the samples of all groups are of the same draws of patients.
        confidence: of the intervals, below 1.

    Returns:
        Name of the figure → ``worst``, ``best`` (groups), ``worst_value``, ``best_value``, ``gap`` (how much better
        the best is, 0 or more), ``interval`` [low, high], ``p_value``, ``compared`` (groups), ``classes`` (how many are
        averaged), and ``reason``, which says why there is no gap. The interval and the p-value are also None where the
        samples do not define them or do not move.
    """
    return {
        name: _largest_gap({group: figures[name] for group, figures in groups.items()}, higher, confidence)
        for name, higher in HIGHER_IS_BETTER.items()
    }


def _largest_gap(groups: Mapping[str, Figure], higher_is_better: bool, confidence: float) -> dict[str, Any]:
    compared = {name: figure for name, figure in groups.items() if figure.defined}
    if len(compared) < 2:
        return _no_gap(list(compared), "fewer than two groups that can be compared define it")
    names, values = list(compared), np.stack([figure.values for figure in compared.values()])
    common = np.isfinite(values).all(axis=0)
    if not common.any():
        return _no_gap(names, "no class is defined in all groups")
    values, samples = values[:, common], np.stack([figure.samples[:, common] for figure in compared.values()])
    means = values.mean(axis=1)
    order = np.argsort(means if higher_is_better else -means, kind="stable")
    worst, best = int(order[0]), int(order[-1])
    lead = macro_of(samples[best] - samples[worst]) * (1 if higher_is_better else -1)
    gap = float(abs(means[best] - means[worst]))
    return {
        "worst": names[worst],
        "best": names[best],
        "worst_value": float(means[worst]),
        "best_value": float(means[best]),
        "gap": gap,
        "interval": ends_of(lead, confidence),
        "p_value": _chance(gap, values, samples),
        "compared": names,
        "classes": int(common.sum()),
        "reason": None,
    }


def _chance(gap: float, values: NDArray[np.float64], samples: NDArray[np.float64]) -> float | None:
    """How often groups without a difference would be as far apart as ``gap``, the largest found.

    Args:
        gap: 0 or more.
        values: (groups, classes).
        samples: (groups, resamples, classes).
    """
    moved = samples - values[:, None]
    # a class that one group's sample lacks counts for none of them
    moved[:, ~np.isfinite(moved).all(axis=0)] = np.nan
    means = np.stack([macro_of(group) for group in moved])
    ranges = np.ptp(means[:, np.isfinite(means).all(axis=0)], axis=0)
    if 2 * len(ranges) < samples.shape[1] or not (ranges > ROUNDING).any():
        return None
    return float((1 + (ranges >= gap - ROUNDING).sum()) / (1 + len(ranges)))


def _no_gap(compared: list[str], reason: str) -> dict[str, Any]:
    undefined = dict.fromkeys(("worst", "best", "worst_value", "best_value", "gap", "interval", "p_value"))
    return {**undefined, "compared": compared, "classes": 0, "reason": reason}
