"""The figure of AUROC against the number of training images."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, NullLocator

from thaw.report.data_size import mean_curves, size_table
from thaw.report.results import Results
from thaw.report.style import colours, heading, light_grid


def auroc_by_size(results: Results) -> Figure:
    """Test macro AUROC over training images, logarithmic: a panel a model, a line over means, a dot a training."""
    table, models, colour = size_table(results), results.models, colours(results.strategies)
    figure = Figure(figsize=(max(6.5, 1.5 + 4 * len(models)), 4.2), layout="constrained")
    panels = figure.subplots(1, len(models), sharex=True, sharey=True, squeeze=False)[0]
    for axes, model in zip(panels, models, strict=True):
        single = table[table["model"] == model]
        axes.scatter(single["train_images"], single["auroc_macro"].astype(float), 14, single["strategy"].map(colour))
        axes.set(title=model, xlabel="training images", ylabel="test macro AUROC")
        light_grid(axes, "both")
    for (model, strategy), curve in mean_curves(table).items():
        panels[models.index(model)].plot(curve.index, curve, color=colour[strategy], linewidth=1.5)
    _size_axis(panels[0], sorted(set(table["train_images"])))
    lines = [Line2D([], [], marker="o", color=colour[name], label=name) for name in colour]
    figure.legend(handles=lines, loc="outside lower center", ncols=min(len(lines), 8))
    tested = ", tested on fold 1 alone" if results.subject.pooling else ""
    heading(figure, results.subject, f"AUROC by training images{tested} (differences not tested)")
    return figure


def _size_axis(axes: Axes, sizes: list[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=30, ha="right", rotation_mode="anchor")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
