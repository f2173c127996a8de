"""AUROC of every group of patients with its interval: who is served worse, and by which strategy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from matplotlib.figure import Figure

from thaw.report.panels import FAINT, Dot, dot_rows, legend, no_interval, panels, row_height, shortened
from thaw.report.results import Results
from thaw.report.style import colours, heading, house_style, light_grid

COLUMNS = 4
LONGEST = 46  # letters of a row
NO_CLASS = "no class has an AUROC"


@house_style()
def subgroup_auroc(results: Results) -> Figure:
    """Macro AUROC by sex, age, view and follow-up: a panel a model, a row a group, a dot a strategy.

    Of several seeds the first. The mean goes over the classes that have an AUROC; told where a group has fewer than all
    images have.
    Groups of two factors are not drawn; those of too few images are named. Not for pooled folds, each of which has
    groups of its own.
    """
    models, colour = results.models, colours(results.strategies)
    groups = _groups(results)
    columns = min(len(models), COLUMNS)
    height = 0.7 + row_height(len(colour)) * len(groups)
    figure, made = panels(len(models), COLUMNS, (max(7.5, 3 + 2.6 * columns), height))
    for axes, model in zip(made, models, strict=True):
        found = {
            strategy: results.seeds_of(model, strategy)[0].details["subgroups"]["groups"]
            for of, strategy in results.pairs
            if of == model
        }
        dots = {strategy: [_dot(described, name) for name in groups] for strategy, described in found.items()}
        dot_rows(axes, [shortened(name, LONGEST) for name in groups.values()], dots, colour)
        for border in _borders(list(groups)):
            axes.axhline(border, color=FAINT, linewidth=0.6)
        axes.set(title=model, xlabel="test macro AUROC")
        light_grid(axes, "x")
    legend(figure, colour, no_interval())
    details = results.cells[0].details["subgroups"]
    what = f"groups of patients, seed {results.cells[0].cell.seed} (lines: {details['confidence']:.0%} intervals)"
    heading(figure, results.subject, what)
    return figure


def _groups(results: Results) -> dict[str, str]:
    """Group → how its row is called; factor by factor, too small ones last in theirs."""
    details = results.cells[0].details["subgroups"]
    described = {name: group for name, group in details["groups"].items() if len(group["factors"]) < 2}
    usual = next(iter(described.values()))["auroc_classes"]
    shown = {name: _called(name, group, usual) for name, group in described.items()}
    small = {name: f"{name} ({images} images)" for name, images in details["too_small"].items() if ", " not in name}
    order = list(dict.fromkeys(map(_factor, (*shown, *small))))
    named = {**shown, **small}
    return {name: named[name] for name in sorted(named, key=lambda name: order.index(_factor(name)))}


def _called(name: str, group: Mapping[str, Any], usual: int) -> str:
    """``usual``: classes that have an AUROC of all images."""
    mean = "" if group["auroc_classes"] == usual else f", {group['auroc_classes']} of {usual} classes"
    return f"{name} ({group['images']:,} images{mean})"


def _factor(name: str) -> str:
    return name.partition("=")[0]


def _borders(names: Sequence[str]) -> list[float]:
    """Between the rows of one factor and the next."""
    return [row + 0.5 for row, (above, below) in enumerate(pairwise(names)) if _factor(above) != _factor(below)]


def _dot(groups: Mapping[str, Any], name: str) -> Dot:
    if name not in groups:
        return Dot(None, reason="too few images")
    group = groups[name]
    return Dot(group["auroc_macro"], group["auroc_interval"], NO_CLASS)
