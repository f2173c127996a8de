"""What figures of many panels share: their frame, the legend, names that fit, rows of dots with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

LONGEST_NAME = 22
CHANCE = 0.5  # AUROC of guessing
ON_LIGHT = "#08306B"  # text on a light colour, which stays light on a dark page
FAINT = "#777777"


@dataclass(frozen=True)
class Dot:
    """One value of a row.

    Attributes:
        value: None where undefined.
        ends: of its interval, low and high; None where it has none.
        reason: why it is undefined.
    """

    value: float | None
    ends: Sequence[float] | None = None
    reason: str = ""


def panels(count: int, columns: int, size: tuple[float, float], *, share: bool = True) -> tuple[Figure, list[Axes]]:
    """A figure of ``count`` panels, row by row.

    Args:
        count: how many.
        columns: at most so many beside each other.
        size: inches of the whole width, and of one row's height.
        share: one scale for all panels.
    """
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(size[0], rows * size[1] + 1), layout="constrained")
    made = figure.subplots(rows, columns, sharex=share, sharey=share, squeeze=False).flatten().tolist()
    for axes in made[count:]:
        axes.remove()
    # the lowest panel of each column is labelled, where it stands in the last row or above an empty place
    for number, axes in enumerate(made[:count]):
        if number + columns >= count:
            axes.tick_params(labelbottom=True)
    return figure, made[:count]


def legend(figure: Figure, colour: Mapping[str, str], *others: Artist, marker: str = "o") -> None:
    """Strategies by colour, and what ``others`` say, below the panels."""
    lines = [Line2D([], [], marker=marker, color=colour[name], label=name) for name in colour]
    columns = max(int(figure.get_figwidth() / 1.4), 2)
    figure.legend(handles=[*lines, *others], loc="outside lower center", ncols=min(len(lines) + len(others), columns))


def no_interval() -> Line2D:
    """For the legend: what a hollow dot means."""
    return Line2D(
        [], [], linestyle="", marker="o", markersize=4, color=FAINT, markerfacecolor="white", label="no interval"
    )


def shortened(name: str, longest: int = LONGEST_NAME) -> str:
    """A name on one line, of at most ``longest`` letters.

    >>> shortened("Pleural_Thickening of unknown origin")
    'Pleural_Thickening of…'
    """
    line = " ".join(name.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def amount(number: float) -> str:
    """A count for people.

    >>> amount(640), amount(17_934), amount(4_012_000)
    ('640', '17.9 K', '4.0 M')
    """
    if number < 1e3:
        return f"{number:.0f}"
    return f"{number / 1e6:.1f} M" if number >= 1e6 else f"{number / 1e3:.1f} K"


def row_height(strategies: int) -> float:
    """Inches of a row with a dot for each strategy, one below the other."""
    return max(0.3, 0.08 * strategies + 0.08)


def dot_rows(axes: Axes, names: Sequence[str], columns: Mapping[str, Sequence[Dot]], colour: Mapping[str, str]) -> None:
    """Rows of dots from the top down: in each a dot a strategy, on the line of its interval.

    A dot without an interval is hollow; in place of an undefined one stands why.

    Args:
        axes: where.
        names: of the rows, written to the left.
        columns: strategy → its dots, row by row.
        colour: of the strategies.
    """
    for row in range(0, len(names), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="#F3F3F3", zorder=0, linewidth=0)
    offsets = _offsets(len(columns))
    for offset, (strategy, dots) in zip(offsets, columns.items(), strict=True):
        for row, dot in enumerate(dots):
            _dot(axes, dot, row + offset, colour[strategy])
    for row in range(len(names)):
        _say_undefined(axes, row, offsets, {strategy: dots[row] for strategy, dots in columns.items()})
    axes.set_yticks(range(len(names)), list(names))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(length=0)


def _offsets(count: int) -> NDArray[np.float64]:
    """Where each strategy's dots stand within a row, so that equal ones do not hide each other."""
    return np.linspace(-0.28, 0.28, count) if count > 1 else np.zeros(1)


def _dot(axes: Axes, dot: Dot, place: float, colour: str) -> None:
    if dot.value is None:
        return
    if dot.ends:
        axes.plot(dot.ends, [place] * 2, color=colour, linewidth=1.2, solid_capstyle="butt")
    face = colour if dot.ends else "white"
    axes.plot([dot.value], [place], "o", color=colour, markersize=4, markerfacecolor=face)


def _say_undefined(axes: Axes, row: int, offsets: NDArray[np.float64], dots: Mapping[str, Dot]) -> None:
    """Once where all strategies agree, else strategy by strategy."""
    missing = {strategy: f"undefined: {dot.reason}" for strategy, dot in dots.items() if dot.value is None}
    said = [(0.0, text) for text in set(missing.values())] if len(missing) == len(dots) else []
    if len(said) != 1:
        said = [
            (float(offset), f"{strategy} {missing[strategy]}")
            for offset, strategy in zip(offsets, dots, strict=True)
            if strategy in missing
        ]
    for offset, text in said:
        axes.text(
            0.03, row + offset, text, transform=axes.get_yaxis_transform(), va="center",
            fontsize=7 if len(said) == 1 else 5.5, color=FAINT,
        )  # fmt: skip
