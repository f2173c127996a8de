"""How figures look: colours of strategies, markers of models, headings, and bytes that depend on the input alone."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any, Literal

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox, BboxBase

from thaw.report.subject import Subject

DPI = 120
# Okabe & Ito (2008), "Color universal design", without yellow, which white paper swallows
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#999999")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "p", "h")
POINT = 8  # half the width of a marker, pixels
PLACES = ((11, 0), (-11, 0), (0, 10), (0, -10), (9, 8), (-9, 8), (9, -8), (-9, -8))  # of a label, points
SETTINGS: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#E5E5E5",
    "legend.frameon": False,
    # a class may be called $x$
    "text.parse_math": False,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's defaults with thaw's settings, whatever the user's own; left as it was when the block ends."""
    with matplotlib.style.context(["default", SETTINGS]):
        yield


def save(figure: Figure, path: Path) -> None:
    """Write a PNG without the name of the program that wrote it: the same figure is the same bytes."""
    figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})


def colours(strategies: Iterable[str]) -> dict[str, str]:
    """The colour of each strategy, the same in every figure of a comparison."""
    return dict(zip(strategies, cycle(COLOURS), strict=False))


def markers(models: Iterable[str]) -> dict[str, str]:
    """The marker of each model, the same in every figure of a comparison."""
    return dict(zip(models, cycle(MARKERS), strict=False))


def heading(figure: Figure, subject: Subject, what: str) -> None:
    """Name the dataset, what is drawn and the split above a figure, wrapped to its width."""
    letters = int(figure.get_figwidth() * 12.5)
    lines = [*textwrap.wrap(f"{subject.title}: {what}", letters), *textwrap.wrap(f"split: {subject.split}", letters)]
    figure.suptitle("\n".join(lines), fontsize=10)


def light_grid(axes: Axes, axis: Literal["x", "y", "both"]) -> None:
    """Thin lines behind the data."""
    axes.grid(visible=True, axis=axis)
    axes.tick_params(length=0)


def label_points(axes: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    """Write each label beside its point, where it touches neither point nor label nor border; else leave it out."""
    figure = axes.get_figure(root=True)
    if figure is None or not points:
        return
    # the layout must be final before anything can be measured
    figure.draw_without_rendering()
    places = axes.transData.transform([(x, y) for x, y, _ in points])
    taken = [Bbox.from_extents(*(place - POINT), *(place + POINT)) for place in places]
    for x, y, label in points:
        for right, up in PLACES:
            text = _beside(axes, (x, y), (right, up), label)
            box = text.get_window_extent()
            if _within(box, axes.bbox) and not box.count_overlaps(taken):
                taken.append(box)
                break
            text.remove()


def _beside(axes: Axes, point: tuple[float, float], offset: tuple[int, int], label: str) -> Annotation:
    right, up = offset
    return axes.annotate(
        label, point, offset, textcoords="offset points", fontsize=8,
        ha="left" if right > 0 else "right" if right < 0 else "center",
        va="bottom" if up > 0 else "top" if up < 0 else "center_baseline",
    )  # fmt: skip


def _within(inner: BboxBase, outer: BboxBase) -> bool:
    return (
        outer.containsx(inner.x0)
        and outer.containsx(inner.x1)
        and outer.containsy(inner.y0)
        and outer.containsy(inner.y1)
    )
