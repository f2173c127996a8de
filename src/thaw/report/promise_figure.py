"""Whether prediction sets keep their promise: what they missed on random halves of the test patients."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thaw.report.results import CellResult, Results
from thaw.report.style import colours, heading, light_grid


def promise_kept(results: Results) -> Figure:
    """A panel a kind of sets, a box a model and strategy (first seed): the risk on each half, and what was promised."""
    kinds = list(results.cells[0].details["promise"])
    pairs, colour = results.pairs, colours(results.strategies)
    firsts = [results.seeds_of(*pair)[0] for pair in pairs]
    figure = Figure(figsize=(1.5 + 2.6 * len(kinds), 1.8 + 0.35 * len(pairs)), layout="constrained")
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for axes, kind in zip(panels, kinds, strict=True):
        for place, result in enumerate(firsts):
            _box(axes, place, result, kind, colour[result.cell.strategy])
        promised = firsts[0].details["promise"][kind]["promised"]
        axes.axvline(promised, color="#333333", linewidth=1, linestyle="--")
        axes.set(title=kind.replace("_", " "), xlabel="risk on the other half", xlim=(0, None))
        light_grid(axes, "x")
    names = [strategy if len(results.models) == 1 else f"{model}  {strategy}" for model, strategy in pairs]
    panels[0].set_yticks(range(len(pairs)), names)
    panels[0].set_ylim(len(pairs) - 0.5, -0.5)
    repeats = firsts[0].details["promise"][kinds[0]]["repeats"]
    heading(figure, results.subject, f"prediction sets on {repeats} random halves (dashed: promised)")
    return figure


def _box(axes: Axes, place: int, result: CellResult, kind: str, colour: str) -> None:
    risks = result.details["promise"][kind]["risks"]
    if not risks:
        axes.text(0, place, " no sets", va="center", fontsize=8, color="#777777")
        return
    axes.boxplot(
        [risks], positions=[place], orientation="horizontal", widths=0.6, patch_artist=True, manage_ticks=False,
        boxprops={"facecolor": colour, "alpha": 0.6}, medianprops={"color": "black"}, flierprops={"markersize": 3},
    )  # fmt: skip
