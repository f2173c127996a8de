"""What was measured of heat maps and of blocks: localisation, deletion and insertion, randomisation, similarity.

Every function takes ``measured``: strategy → ``reports/explain/<cell>/explain.json`` of a model's first seed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thaw.report.panels import FAINT, Dot, dot_rows, legend, panels, row_height, shortened
from thaw.report.results import Results
from thaw.report.style import colours, heading, house_style, light_grid

Measured = Mapping[str, Mapping[str, Any]]
SHARES = {
    "pointing": "maximum in a box\n(pointing game)",
    "energy": "share of the map\ninside the boxes",
    "overlap": "overlap with the boxes\n(IoU)",
}
BY_CHANCE = ("pointing", "energy")  # those for which the share that the boxes cover is chance
CURVES = {"deletion": "deletion: lower is better", "insertion": "insertion: higher is better"}


@house_style()
def localisation(results: Results, model: str, measured: Measured) -> Figure:
    """Whether heat maps point at the findings: a panel a measure, a row a strategy.

    Full dots: the trained network; hollow squares: the same network untrained; dotted: chance, the share of the picture
    that the boxes cover. The pointing game has an interval over patients.
    """
    colour = _colours(results, measured)
    figure, made = panels(len(SHARES), len(SHARES), (9, 0.9 + 0.45 * len(colour)))
    for axes, (name, label) in zip(made, SHARES.items(), strict=True):
        for row, strategy in enumerate(colour):
            _located(axes, row, measured[strategy]["localisation"], name, colour[strategy])
        axes.set(xlabel=label, xlim=(-0.02, 1.02), ylim=(len(colour) - 0.5, -0.5))
        light_grid(axes, "x")
    made[0].set_yticks(range(len(colour)), list(colour))
    handles = [
        Line2D([], [], linestyle="", marker="o", color=FAINT, label="trained"),
        Line2D([], [], linestyle="", marker="s", color=FAINT, markerfacecolor="white", label="untrained"),
        _chance("chance"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    heading(figure, results.subject, f"heat maps of {model} and boxes{_maps(measured)}")
    return figure


@house_style()
def pointing_by_class(results: Results, model: str, measured: Measured) -> Figure:
    """Share of heat maps whose maximum lies in a box: a row a class, a dot a strategy, dotted chance."""
    colour = _colours(results, measured)
    by_class = {name: (measured[name]["localisation"]["trained"] or {}).get("by_class", {}) for name in colour}
    classes = [name for name in results.subject.classes if any(name in found for found in by_class.values())]
    figure = Figure(figsize=(7, 2 + row_height(len(colour)) * max(len(classes), 1)), layout="constrained")
    axes = figure.subplots()
    if not classes:
        _say(axes, _reasons(measured, "localisation"))
    dots = {
        strategy: [_pointing(found.get(name)) for name in classes] for strategy, found in by_class.items() if classes
    }
    rows = [f"{shortened(name)} ({_most(by_class, name)} maps)" for name in classes]
    if dots:
        dot_rows(axes, rows, dots, colour)
    for row, name in enumerate(classes):
        area = next(found[name]["area"] for found in by_class.values() if name in found)
        if area is not None:
            axes.plot([area] * 2, [row - 0.42, row + 0.42], color=FAINT, linewidth=1, linestyle=":")
    axes.set(xlabel="share of heat maps whose maximum lies in a box", xlim=(-0.02, 1.02))
    light_grid(axes, "x")
    legend(figure, colour, _chance("chance"))
    heading(figure, results.subject, f"pointing game of {model} by class")
    return figure


@house_style()
def deletion_insertion(results: Results, model: str, measured: Measured) -> Figure:
    """Probability of the class while pixels are deleted or inserted, those of the heat map's peak first.

    Dotted: pixels in random order. A map that names the pixels that matter makes deletion fall and insertion rise
    faster than that.
    """
    colour = _colours(results, measured)
    figure, made = panels(2, 2, (9, 3.0))
    for axes, (name, title) in zip(made, CURVES.items(), strict=True):
        for strategy, shade in colour.items():
            found = measured[strategy]["faithfulness"]
            if found["reason"] is None:
                axes.plot(found["fractions"], found[name], color=shade, linewidth=1.5)
                axes.plot(found["fractions"], found[f"random_{name}"], ":", color=shade, linewidth=1.1)
        axes.set(title=title, xlabel=f"share of pixels {'deleted' if name == 'deletion' else 'inserted'}")
        light_grid(axes, "both")
    _say(made[0], _reasons(measured, "faithfulness"))
    made[0].set(ylabel="probability of the class", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    legend(figure, colour, Line2D([], [], color=FAINT, linestyle=":", label="random order"), marker="")
    heading(figure, results.subject, f"deletion and insertion by the heat maps of {model}")
    return figure


@house_style()
def randomisation(results: Results, model: str, measured: Measured) -> Figure:
    """How much heat maps stay the same while weights are made random block by block, from the head down.

    A map that does not change does not show what the network learned: Adebayo et al., "Sanity checks for saliency
    maps", NeurIPS (2018).
    """
    colour = _colours(results, measured)
    found = {name: one["blocks"] for name in colour if (one := measured[name]["randomisation"])["reason"] is None}
    lines = {name: {block["block"]: block["correlation"] for block in blocks} for name, blocks in found.items()}
    figure, axes = _block_lines(lines, colour, _reasons(measured, "randomisation"))
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.set(xlabel="made random, with all blocks before it on this axis", ylabel="correlation with the trained maps")
    axes.set_ylim(min(-0.1, axes.get_ylim()[0]), 1.02)
    heading(figure, results.subject, f"heat maps of {model} when weights are made random")
    return figure


@house_style()
def block_similarity(results: Results, model: str, measured: Measured) -> Figure:
    """Which blocks moved: similarity (linear CKA) of what each block gives before and after training.

    1: nothing but a turn and a scale; the lower, the more it changed. Kornblith, Norouzi, Lee and Hinton, "Similarity
    of neural network representations revisited", ICML (2019).
    """
    colour = _colours(results, measured)
    lines = {name: {one["block"]: one["cka"] for one in measured[name]["similarity"]} for name in colour}
    unmeasured = [f"{name}: not measured" for name, line in lines.items() if not line]
    figure, axes = _block_lines({name: line for name, line in lines.items() if line}, colour, unmeasured)
    axes.set(xlabel="block", ylabel="CKA with the pretrained network")
    axes.set_ylim(-0.02, 1.04)
    heading(figure, results.subject, f"which blocks of {model} moved")
    return figure


def _colours(results: Results, measured: Measured) -> dict[str, str]:
    return {name: shade for name, shade in colours(results.strategies).items() if name in measured}


def _located(axes: Axes, row: int, found: Mapping[str, Any], name: str, colour: str) -> None:
    """One strategy in one panel."""
    trained, untrained = found["trained"], found["untrained"]
    if trained is None or trained[name] is None:
        axes.text(
            0, row, f"undefined: {shortened(found['reason'] or 'no map', 40)}", va="center", fontsize=7, color=FAINT
        )
        return
    for one, place, marker, face in ((untrained, row + 0.18, "s", "white"), (trained, row - 0.05, "o", colour)):
        if one is None or one[name] is None:
            continue
        if name == "pointing" and one["pointing_low"] is not None:
            axes.plot([one["pointing_low"], one["pointing_high"]], [place] * 2, color=colour, linewidth=1.2)
        axes.plot([one[name]], [place], marker, color=colour, markersize=5, markerfacecolor=face)
    if name in BY_CHANCE:
        axes.plot([trained["area"]] * 2, [row - 0.4, row + 0.4], color=FAINT, linewidth=1, linestyle=":")


def _maps(measured: Measured) -> str:
    """On what the figures rest."""
    trained = [one["localisation"]["trained"] for one in measured.values() if one["localisation"]["trained"]]
    return f" ({trained[0]['maps']} maps of {trained[0]['images']} images)" if trained else ""


def _pointing(found: Mapping[str, Any] | None) -> Dot:
    if found is None or found["pointing"] is None:
        return Dot(None, reason="no map")
    return Dot(found["pointing"], (found["pointing"], found["pointing"]))


def _most(by_class: Mapping[str, Mapping[str, Any]], name: str) -> int:
    return max(int(found[name]["maps"]) for found in by_class.values() if name in found)


def _chance(label: str) -> Line2D:
    return Line2D([], [], color=FAINT, linewidth=1, linestyle=":", label=label)


def _reasons(measured: Measured, what: str) -> list[str]:
    """Why something was not measured: once where it is so for all, else strategy by strategy."""
    reasons = {name: one[what]["reason"] for name, one in measured.items() if one[what]["reason"] is not None}
    if len(reasons) == len(measured) and len(set(reasons.values())) == 1:
        return [f"not measured: {next(iter(reasons.values()))}"]
    return [f"{name}: not measured: {reason}" for name, reason in reasons.items()]


def _say(axes: Axes, lines: Sequence[str]) -> None:
    if lines:
        text = "\n".join(textwrap.fill(line, 60) for line in lines)
        # in the corner that curves leave free, or where there is none in the middle
        place, ha, va = ((0.02, 0.03), "left", "bottom") if axes.lines else ((0.5, 0.5), "center", "center")
        axes.text(*place, text, ha=ha, va=va, transform=axes.transAxes, fontsize=8, color=FAINT)


def _block_lines(
    lines: Mapping[str, Mapping[str, float | None]], colour: Mapping[str, str], reasons: Sequence[str]
) -> tuple[Figure, Axes]:
    """A line a strategy over the blocks; undefined values leave a gap and are named below it."""
    blocks = list(dict.fromkeys(block for line in lines.values() for block in line))
    figure = Figure(figsize=(max(6.5, 2 + 0.6 * len(blocks)), 4), layout="constrained")
    axes = figure.subplots()
    missing = []
    for strategy, line in lines.items():
        values = [line.get(block) for block in blocks]
        numbers = [float("nan") if value is None else value for value in values]
        axes.plot(range(len(blocks)), numbers, "o-", color=colour[strategy], markersize=4, linewidth=1.4)
        undefined = [block for block, value in zip(blocks, values, strict=True) if value is None]
        if undefined:
            missing.append(f"{strategy}: undefined for {', '.join(undefined)}")
    axes.set_xticks(range(len(blocks)), blocks, rotation=40, ha="right", rotation_mode="anchor")
    light_grid(axes, "both")
    _say(axes, [*reasons, *missing])
    legend(figure, colour)
    return figure, axes
