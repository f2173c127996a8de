"""Learning curves over the data: AUROC against the number of training images, and where strategies change places."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from thaw.report.results import Results


@dataclass(frozen=True)
class Crossing:
    """Two strategies of a model change places.

    Attributes:
        model: the backbone.
        below: the strategy with the higher mean AUROC on fewer images.
        above: the one with the higher mean AUROC on more.
        images: about how many training images lie between, interpolated.
    """

    model: str
    below: str
    above: str
    images: float


def size_table(results: Results) -> pd.DataFrame:
    """A row a training on a subset or on the whole training set: ``model, strategy, seed, train_images, auroc_macro``.

    All are measured on the same test images, where there are folds those of fold 1. Sorted by size within a seed.
    """
    whole = [result.trained[0] for result in results.cells]
    order = {pair: place for place, pair in enumerate(results.pairs)}
    cells = sorted(
        [*results.smaller, *whole],
        key=lambda one: (order[one.cell.model, one.cell.strategy], one.cell.seed, one.metrics["train_images"]),
    )
    return pd.DataFrame([
        {
            "model": one.cell.model, "strategy": one.cell.strategy, "seed": one.cell.seed,
            "train_images": one.metrics["train_images"], "auroc_macro": one.metrics["auroc_macro"],
        }
        for one in cells
    ])  # fmt: skip


def mean_curves(table: pd.DataFrame) -> dict[tuple[str, str], pd.Series[float]]:
    """Of every model and strategy of ``size_table`` the mean AUROC over seeds, by number of training images."""
    pairs = dict.fromkeys(zip(table["model"], table["strategy"], strict=True))
    means = table.astype({"auroc_macro": float}).groupby(["model", "strategy", "train_images"])["auroc_macro"].mean()
    return {pair: means.loc[pair] for pair in pairs}


def crossings(table: pd.DataFrame) -> list[Crossing]:
    """Where the order of two strategies of a model changes between neighbouring sizes of ``size_table``.

    The curves are taken as straight between the sizes on a logarithmic axis of images.
    """
    found = []
    curves = mean_curves(table)
    for (model, one), (other_model, other) in combinations(curves, 2):
        if model == other_model:
            difference = (curves[model, one] - curves[model, other]).dropna()
            for images, rising in _sign_changes(zip(difference.index, difference, strict=True)):
                below, above = (other, one) if rising else (one, other)
                found.append(Crossing(model, below, above, images))
    return found


def _sign_changes(points: Iterable[tuple[int, float]]) -> Iterator[tuple[float, bool]]:
    """Where a difference over sizes goes through 0, and whether it rises there."""
    before, tie = None, None
    for size, difference in points:
        if difference == 0:
            tie = tie or size
            continue
        if before is not None and before[1] * difference < 0:
            yield tie or _zero_between(before, (size, difference)), difference > 0
        before, tie = (size, difference), None


def _zero_between(before: tuple[int, float], after: tuple[int, float]) -> float:
    (small, first), (large, last) = before, after
    share = first / (first - last)
    return math.exp(math.log(small) + share * (math.log(large) - math.log(small)))


def crossing_lines(table: pd.DataFrame) -> list[str]:
    """For people: each crossing, and each pair of strategies of a model that has none."""
    sizes = table["train_images"]
    found = crossings(table)
    lines = []
    for (model, one), (other_model, other) in combinations(mean_curves(table), 2):
        if model != other_model:
            continue
        own = [cross for cross in found if cross.model == model and {cross.below, cross.above} == {one, other}]
        lines += [
            f"{model}: {cross.below} and {cross.above} cross at about {_about(cross.images)} training images: "
            f"{cross.below} is ahead below, {cross.above} above."
            for cross in own
        ] or [f"{model}: {one} and {other}: no crossing between {sizes.min():,} and {sizes.max():,} training images."]
    return lines


def _about(images: float) -> str:
    """Two significant digits: more would claim a precision that an interpolation has not.

    >>> _about(1234.5)
    '1,200'
    """
    return f"{float(f'{images:.2g}'):,.0f}"
