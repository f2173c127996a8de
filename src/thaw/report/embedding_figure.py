"""Where the features of images lie, in pictures of two axes, and how pure their neighbourhoods are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thaw.report.panels import FAINT, Dot, dot_rows, legend, row_height, shortened
from thaw.report.results import Results
from thaw.report.style import COLOURS, colours, heading, house_style, light_grid
from thaw.report.subject import Subject

ColourBy = Literal["label", "error", "sex", "view", "set"]
METHODS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
WHAT: dict[ColourBy, str] = {
    "label": "finding", "error": "right and wrong decisions", "sex": "sex", "view": "view",
    "set": "training or test",
}  # fmt: skip
LIMIT = 5400  # points of a figure: more make its file large and show no more
NAMED = 6  # values with a colour of their own; more cannot be told apart
FAINTEST, PALE, GRAY, BROWN = "#DDDDDD", "#AAAAAA", "#444444", "#8C5A2B"
UNKNOWN, OTHER = "unknown", "other"
# what is not among the values that compete for a colour, as it lies beneath them
SPECIAL: dict[ColourBy, dict[str, str]] = {
    "label": {"none": PALE, "several": GRAY},
    "error": {"right": PALE, "wrong": "#D55E00"},
    "sex": {},
    "view": {},
    "set": {"train": PALE, "test": "#0072B2"},
}


@house_style()
def embedding_figure(
    table: pd.DataFrame,
    model: str,
    colour_by: ColourBy,
    subject: Subject,
    methods: Sequence[str] = tuple(METHODS),
) -> Figure:
    """A row a strategy, a column a method: test images, and where they are coloured by set training images too.

    The six most frequent values have colours of their own. Where there are more than ``LIMIT`` points, every so many
    are left out, and the heading says how many are drawn.

    Args:
        table: ``reports/embeddings.csv``.
        model: of its models.
        colour_by: of its columns.
        subject: what it is about.
        methods: of ``METHODS``.
    """
    shown = table[(table["model"] == model) & (table["set"].eq("test") | (colour_by == "set"))]
    values, colour = _coloured(shown[colour_by], colour_by)
    strategies = list(dict.fromkeys(shown["strategy"]))
    most = LIMIT // max(len(strategies) * len(methods), 1)
    size = (0.5 + 2.7 * len(methods), 1.2 + 2.4 * len(strategies))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(strategies), len(methods), squeeze=False)
    fewest = len(shown)
    for row, strategy in zip(grid, strategies, strict=True):
        of_strategy = shown[shown["strategy"] == strategy]
        places = _thinned(len(of_strategy), most)
        fewest = min(fewest, len(places))
        for axes, method in zip(row, methods, strict=True):
            _points(axes, of_strategy.iloc[places], values, colour, method)
        row[0].set_ylabel(strategy)
    for axes, method in zip(grid[0], methods, strict=True):
        axes.set_title(METHODS[method])
    handles = [_mark(name, shade) for name, shade in colour.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=max(int(size[0] / 1.7), 1))
    images = len(shown) // max(len(strategies), 1)
    drawn = f"{images:,} images" if fewest == images else f"{fewest:,} of {images:,} images drawn"
    heading(figure, subject, f"features of {model} by {WHAT[colour_by]} ({drawn})")
    return figure


@house_style()
def neighbourhood_purity(results: Results, model: str, purity: Mapping[str, Mapping[str, Any]]) -> Figure:
    """How many of an image's nearest neighbours share its label, sex, view or set: a dot a strategy, a tick chance.

    Args:
        results: of the strategies.
        model: whose features.
        purity: ``reports/embeddings.json`` of the model: strategy → ``purity``.
    """
    colour = {name: shade for name, shade in colours(results.strategies).items() if name in purity}
    kinds = list(next(iter(purity.values()))["purity"])
    figure = Figure(figsize=(7, 1.8 + row_height(len(colour)) * 1.4 * len(kinds)), layout="constrained")
    axes = figure.subplots()
    found = {strategy: [purity[strategy]["purity"][kind] for kind in kinds] for strategy in colour}
    dots = {strategy: [_purity(one) for one in ones] for strategy, ones in found.items()}
    dot_rows(axes, [WHAT.get(kind, kind) for kind in kinds], dots, colour)
    for row, ones in enumerate(zip(*found.values(), strict=True)):
        for one in ones:
            if one["chance"] is not None:
                axes.plot([one["chance"]] * 2, [row - 0.42, row + 0.42], color=FAINT, linewidth=1, linestyle=":")
    axes.set(xlabel="share of the nearest neighbours with the same value", xlim=(-0.02, 1.02))
    light_grid(axes, "x")
    legend(figure, colour, Line2D([], [], color=FAINT, linewidth=1, linestyle=":", label="chance"))
    heading(figure, results.subject, f"neighbourhoods in the features of {model}")
    return figure


def _purity(one: Mapping[str, Any]) -> Dot:
    value = one["value"]
    # a share of many neighbours, not an estimate: the whole dot
    return Dot(value, None if value is None else (value, value), one.get("reason") or "not measured")


def _coloured(values: pd.Series[str], colour_by: ColourBy) -> tuple[pd.Series[str], dict[str, str]]:
    """What each point counts as, and the colours in the order in which they are drawn."""
    special = SPECIAL[colour_by]
    named = values.fillna("").astype(str).replace("", UNKNOWN)
    counts = named[~named.isin([*special, UNKNOWN])].value_counts()
    frequent = sorted(counts.index, key=lambda name: (-counts[name], name))
    kept = frequent[:NAMED]
    named = named.where(named.isin([*special, UNKNOWN, *kept]), OTHER)
    beneath = {UNKNOWN: FAINTEST, **special, **({OTHER: BROWN} if len(frequent) > NAMED else {})}
    colour = {**beneath, **dict(zip(kept, COLOURS, strict=False))}
    there = set(named)
    return named, {name: shade for name, shade in colour.items() if name in there}


def _thinned(count: int, most: int) -> list[int]:
    """At most ``most`` of so many rows, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist() if count else []


def _points(axes: Axes, rows: pd.DataFrame, values: pd.Series[str], colour: dict[str, str], method: str) -> None:
    places = rows[[f"{method}_x", f"{method}_y"]].apply(pd.to_numeric).dropna()
    for name, shade in colour.items():
        x, y = places[values.loc[places.index] == name].to_numpy(np.float64).T
        axes.plot(x, y, linestyle="", marker="o", markersize=3, markeredgewidth=0, color=shade, alpha=0.75)
    if places.empty:
        axes.text(0.5, 0.5, "not computed", ha="center", transform=axes.transAxes, color=FAINT)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=FAINTEST)


def _mark(name: str, shade: str) -> Line2D:
    return Line2D([], [], linestyle="", marker="o", markersize=5, markeredgewidth=0, color=shade, label=shortened(name))
