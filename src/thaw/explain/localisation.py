"""How well heat maps find what radiologists have boxed, against chance.

- pointing: the pointing game, Zhang et al. 2018, "Top-down neural attention by excitation backprop", International
  Journal of Computer Vision 126, without a tolerance around the box: whether a map's hottest pixel lies in
  a box. Where several pixels are the hottest, the share of them that does.
- energy: the energy-based pointing game, Wang et al. 2020 (arXiv:1910.01279, Score-CAM): which share of a
  map's sum lies in the boxes.
- overlap: intersection over union of the boxes with as many of the hottest pixels as they cover. Where pixels at the
  limit are equally hot, what is to be expected of choosing among them.

A box covers the pixels whose centres lie in it, and at least the one in which its own centre lies. A map of zeros
points nowhere: pointing and overlap are 0 for it, and of energy, of which it has none, it is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.bootstrap import Interval, Resampling, interval, share

Numbers = NDArray[np.float64]

DIGITS = 6  # of a map, relative to its maximum: what differs by less was enlarged from the same heat


class _Columns(NamedTuple):
    """What was found by each map, (n,) each; energy is NaN where a map has none."""

    pointing: Numbers
    energy: Numbers
    overlap: Numbers
    area: Numbers


def measure_localisation(
    maps: NDArray[np.float32],
    boxes: Sequence[NDArray[np.floating]],
    classes: Sequence[str],
    patients: NDArray[np.object_],
    confidence: float,
    resamples: int = 2000,
    images: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Means over maps; None where there is no map, or none that has it.

    ``maps`` and ``images`` (how many); ``pointing``, ``energy`` and ``overlap`` as above; ``area``: which share of the
    square the boxes cover, which is what pointing and energy are by chance; ``pointing_low`` and ``pointing_high``: the
    interval of pointing over samples of patients (``thaw.evaluation.bootstrap``); ``by_class``: by class that has maps,
    in alphabetical order, ``maps``, ``pointing`` and ``area``.

    Args:
        maps: heat maps (n, H, W), 0 or more.
        boxes: of what each map looks for, (k, 4) each, k at least 1: left, top, width and height as fractions of the
            square.
        classes: what each map looks for, (n,).
        patients: whose image it is, (n,).
        confidence: of the interval.
        resamples: how many samples of patients are drawn.
        images: names of the images, (n,); None: each map is of another image.
    """
    found = [_found(heat.astype(np.float64), covered(rows, heat.shape)) for heat, rows in zip(maps, boxes, strict=True)]
    columns = _Columns(*np.array(found, dtype=np.float64).reshape(-1, len(_Columns._fields)).T)
    low, high = _ends(columns.pointing, patients, confidence, resamples)
    kinds = np.array(classes, dtype=np.str_)
    return {
        "maps": len(found),
        "images": len(found) if images is None else len(set(images)),
        "pointing": _mean(columns.pointing),
        "pointing_low": low,
        "pointing_high": high,
        "energy": _mean(columns.energy),
        "overlap": _mean(columns.overlap),
        "area": _mean(columns.area),
        "by_class": {str(name): _of_class(columns, kinds == name) for name in np.unique(kinds)},
    }


def covered(boxes: NDArray[np.floating], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The pixels of a square of ``shape`` (H, W) that boxes (k, 4) cover; see the module."""
    inside = np.zeros(shape, dtype=bool)
    for left, top, width, height in boxes.tolist():
        inside[_span(top, height, shape[0]), _span(left, width, shape[1])] = True
    return inside


def _span(start: float, length: float, pixels: int) -> slice:
    """The pixels along one side whose centres lie in a length given in fractions of it."""
    first, end = (max(0, int(np.ceil(edge * pixels - 0.5))) for edge in (start, start + length))
    if first < min(end, pixels):
        return slice(first, end)
    nearest = min(pixels - 1, int((start + length / 2) * pixels))
    return slice(nearest, nearest + 1)


def _found(heat: Numbers, inside: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """Pointing, energy, overlap and area of one map."""
    area = float(inside.mean())
    if not heat.any():
        return 0.0, np.nan, 0.0, area
    heat = np.round(heat / heat.max(), DIGITS)
    pointing = float(inside[heat == 1].mean())
    return pointing, float(heat[inside].sum() / heat.sum()), _overlap(heat, inside), area


def _overlap(heat: Numbers, inside: NDArray[np.bool_]) -> float:
    count = int(inside.sum())
    limit = np.partition(heat, -count, axis=None)[-count]
    above, level = heat > limit, heat == limit
    common = (above & inside).sum() + (count - above.sum()) * inside[level].mean()
    return float(common / (2 * count - common))


def _ends(pointing: Numbers, patients: NDArray[np.object_], confidence: float, resamples: int) -> Interval:
    """Of the share of maps that point into a box.

    Where all do, or none does, samples cannot tell: the other end is the exact bound of Clopper and Pearson with
    patients for trials, as in ``thaw.evaluation.intervals``.
    """
    resampling = Resampling.of(patients, resamples)
    count = len(np.unique(resampling.patients))
    if count < 2:
        return Interval(None, None)
    bound = ((1 - confidence) / 2) ** (1 / count)
    if pointing.min() == pointing.max() == 1:
        return Interval(bound, 1.0)
    if pointing.max() == 0:
        return Interval(0.0, 1 - bound)
    summed = resampling.sums(np.stack([pointing, np.ones_like(pointing)], axis=1))
    return interval(share(summed[:, 0], summed[:, 1]), confidence)


def _of_class(columns: _Columns, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    pointing, area = columns.pointing[chosen], columns.area[chosen]
    return {"maps": int(chosen.sum()), "pointing": _mean(pointing), "area": _mean(area)}


def _mean(values: Numbers) -> float | None:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else None
