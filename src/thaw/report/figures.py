"""Figures of the whole comparison: learning curves, strategies side by side, quality against cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter

from thaw.files import replacing, write_csv
from thaw.report.average import average
from thaw.report.class_figures import confusion_matrices
from thaw.report.class_intervals import auroc_intervals
from thaw.report.data_size import size_table
from thaw.report.data_size_figure import auroc_by_size
from thaw.report.panels import CHANCE, amount
from thaw.report.promise_figure import promise_kept
from thaw.report.reliability_figure import reliability
from thaw.report.results import CellResult, Results
from thaw.report.style import colours, heading, house_style, label_points, light_grid, markers, save

CURVES = {"loss": "loss", "accuracy": "accuracy", "auroc_macro": "macro AUROC"}
BARS = {"auroc_macro": ("macro AUROC", CHANCE), "f1_macro": ("macro F1", 0.0), "accuracy": ("accuracy", 0.0)}
SIZE_TABLE = "learning_curve.csv"
WIDE = 10  # times more seconds from which an axis of cost is logarithmic


def figures_of(results: Results) -> Mapping[str, Callable[[Results], Figure]]:
    """The figures that fit the task: file name → function that draws it."""
    by_class = (
        {"confusion_matrices.png": confusion_matrices}
        if results.subject.task == "multiclass"
        else {"auroc_by_class.png": auroc_intervals}
    )
    return {
        "learning_curves.png": learning_curves,
        "strategies.png": strategy_bars,
        "quality_against_cost.png": quality_against_cost,
        **by_class,
        **({} if results.subject.pooling else {"reliability.png": reliability, "promise.png": promise_kept}),
        **({"learning_curve_data.png": auroc_by_size} if results.smaller else {}),
    }


def write_figures(results: Results, folder: Path) -> None:
    """Draw all figures into ``folder``, which then holds nothing else but the table of AUROC by training images."""
    with replacing(folder) as path, house_style():
        path.mkdir()
        for name, draw in figures_of(results).items():
            save(draw(results), path / name)
        if results.smaller:
            write_csv(path / SIZE_TABLE, size_table(results))


def learning_curves(results: Results) -> Figure:
    """Loss, accuracy and macro AUROC over epochs: a row of panels a model, a colour a strategy, a line a training."""
    models, colour = results.models, colours(results.strategies)
    figure = Figure(figsize=(11, 1.3 + 2.6 * len(models)), layout="constrained")
    panels = figure.subplots(len(models), len(CURVES), sharex=True, sharey="col", squeeze=False)
    for result in results.trained:
        row = panels[models.index(result.cell.model)]
        for axes, name in zip(row, CURVES, strict=True):
            _curve(axes, result, name, colour[result.cell.strategy])
    for row, model in zip(panels, models, strict=True):
        for axes, label in zip(row, CURVES.values(), strict=True):
            axes.set(title=model, ylabel=label)
            axes.xaxis.get_major_locator().set_params(integer=True)
            light_grid(axes, "both")
    for axes in panels[-1]:
        axes.set_xlabel("epoch")
    lines = [Line2D([], [], color=colour[name], label=name) for name in colour]
    figure.legend(handles=[*lines, *_curve_kinds()], loc="outside lower center", ncols=min(len(lines) + 3, 8))
    heading(figure, results.subject, "learning curves")
    return figure


def _curve(axes: Axes, result: CellResult, name: str, colour: str) -> None:
    history = result.history
    for split, width, style in (("train", 0.9, ":"), ("val", 1.5, "-")):
        curve = history[history["split"] == split]
        axes.plot(curve["epoch"], curve[name], style, color=colour, linewidth=width, marker=".", markersize=3)
    kept = history[(history["split"] == "val") & (history["epoch"] == result.cost["best_epoch"])]
    axes.plot(kept["epoch"], kept[name], "o", color=colour, markersize=6, markerfacecolor="white")


def _curve_kinds() -> list[Line2D]:
    return [
        Line2D([], [], color="#555555", linewidth=1.5, label="validation"),
        Line2D([], [], color="#555555", linewidth=0.9, linestyle=":", label="training"),
        Line2D([], [], color="#555555", linestyle="", marker="o", markerfacecolor="white", label="epoch kept"),
    ]


def strategy_bars(results: Results) -> Figure:
    """Test macro AUROC (from chance), macro F1 and accuracy: a bar a model and strategy, a dot a seed."""
    pairs, models, colour = results.pairs, results.models, colours(results.strategies)
    # half a bar of space between models
    places = [index + 0.5 * models.index(model) for index, (model, _) in enumerate(pairs)]
    figure = Figure(figsize=(11, 1.5 + 0.3 * (places[-1] + 1)), layout="constrained")
    panels = figure.subplots(1, len(BARS), sharey=True)
    for axes, (name, (label, start)) in zip(panels, BARS.items(), strict=True):
        for place, (model, strategy) in zip(places, pairs, strict=True):
            values = [result.metrics[name] for result in results.seeds_of(model, strategy)]
            _bar(axes, place, [value for value in values if value is not None], start, colour[strategy])
        _bar_axis(axes, label, start)
    names = [strategy if len(models) == 1 else f"{model}  {strategy}" for model, strategy in pairs]
    panels[0].set_yticks(places, names)
    panels[0].invert_yaxis()
    heading(figure, results.subject, "test metrics")
    return figure


def _bar(axes: Axes, place: float, values: list[float], start: float, colour: str) -> None:
    if not values:
        axes.text(start, place, " undefined", va="center", color="#777777")
        return
    mean = float(np.mean(values))
    axes.barh(place, mean - start, left=start, height=0.75, color=colour)
    if len(values) > 1:
        axes.plot(values, [place] * len(values), "o", color="black", markersize=3, markerfacecolor="white")
    end = (max(start, *values), place)
    axes.annotate(f"{mean:.3f}", end, (5, 0), textcoords="offset points", va="center", fontsize=8)


def _bar_axis(axes: Axes, label: str, start: float) -> None:
    lowest = min(start, axes.dataLim.x0)
    # room for the number beside a bar that ends at 1
    axes.set_xlim(lowest - 0.02 * (lowest < start), 1 + 0.14 * (1 - lowest))
    axes.set_xticks([tick for tick in np.linspace(0, 1, 11 if start else 6) if lowest <= tick])
    axes.set_xlabel(f"test {label}" + (f" (bars start at chance, {start:g})" if start else ""))
    axes.axvline(start, color="#777777", linewidth=0.8)
    light_grid(axes, "x")


def quality_against_cost(results: Results) -> Figure:
    """Test macro AUROC over training seconds, means over seeds; the area of a marker grows with trained parameters."""
    colour, marker = colours(results.strategies), markers(results.models)
    means = {pair: _quality_and_cost(results.seeds_of(*pair)) for pair in results.pairs}
    shown = {pair: mean for pair, mean in means.items() if mean["auroc_macro"] is not None}
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    axes = figure.subplots()
    axes.margins(0.14)
    largest = max((mean["trainable"] for mean in shown.values()), default=1)
    for (model, strategy), mean in shown.items():
        area = 35 + 165 * mean["trainable"] / largest
        axes.scatter(mean["seconds"], mean["auroc_macro"], area, colour[strategy], marker=marker[model], alpha=0.85)
    seconds = [mean["seconds"] for mean in shown.values()]
    if seconds and max(seconds) > WIDE * min(seconds):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel="training time (seconds)", ylabel="test macro AUROC")
    light_grid(axes, "both")
    _cost_legend(figure, colour, marker)
    heading(figure, results.subject, "quality against cost, labelled with trained parameters")
    label_points(axes, [(mean["seconds"], mean["auroc_macro"], amount(mean["trainable"])) for mean in shown.values()])
    return figure


def _quality_and_cost(seeds: list[CellResult]) -> dict[str, float]:
    return {name: average([seed.metrics[name] for seed in seeds]) for name in ("auroc_macro", "seconds", "trainable")}


def _cost_legend(figure: Figure, colour: dict[str, str], marker: dict[str, str]) -> None:
    areas = [Patch(color=colour[name], label=name) for name in colour]
    shapes = [Line2D([], [], linestyle="", marker=marker[name], color="#555555", label=name) for name in marker]
    figure.legend(handles=[*areas, *shapes], loc="outside right center")
