"""Groups of patients: the rows, their values and intervals, and those that are too small."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from tests.report.test_class_intervals import dots, intervals
from thaw.report.gap_figure import subgroup_auroc
from thaw.report.results import Results
from thaw.report.style import colours


def group(value: float | None, images: int, *factors: str, classes: int = 3) -> dict[str, Any]:
    ends = None if value is None else [value - 0.1, value + 0.1]
    return {
        "factors": list(factors), "images": images, "auroc_macro": value, "auroc_interval": ends,
        "auroc_classes": classes,
    }  # fmt: skip


def grouped(results: Results) -> Results:
    """Two sexes, two views of which one is undefined, an age band too small, and a crossing."""
    cells = []
    for rank, result in enumerate(results.cells):
        groups = {
            "all": group(0.8 + rank / 100, 1500), "sex=F": group(0.75 + rank / 100, 700, "sex"),
            "sex=M": group(0.85 + rank / 100, 800, "sex"), "view=AP": group(0.6, 40, "view", classes=2),
            "view=PA": group(None, 35, "view", classes=0), "sex=F, view=AP": group(0.1, 31, "sex", "view"),
        }  # fmt: skip
        small = {"age=under 18": 12, "sex=M, age=under 18": 7, "view=LL": 3}
        found = {"groups": groups, "too_small": small, "confidence": 0.95}
        cells.append(dataclasses.replace(result, details={**result.details, "subgroups": found}))
    return dataclasses.replace(results, cells=tuple(cells))


def test_a_row_a_group_factor_by_factor(make_results: Callable[..., Results]) -> None:
    axes = subgroup_auroc(grouped(make_results())).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "all (1,500 images)", "sex=F (700 images)", "sex=M (800 images)", "view=AP (40 images, 2 of 3 classes)",
        "view=PA (35 images, 0 of 3 classes)", "view=LL (3 images)", "age=under 18 (12 images)",
    ]  # fmt: skip
    borders = [line.get_ydata()[0] for line in axes.lines if list(line.get_xdata()) == [0, 1]]
    assert borders == [0.5, 2.5, 5.5]


def test_values_and_intervals_are_those_measured(make_results: Callable[..., Results]) -> None:
    results = grouped(make_results(models=("resnet18", "resnet50")))
    panels = subgroup_auroc(results).axes
    assert [axes.get_title() for axes in panels] == ["resnet18", "resnet50"]
    for rank, result in enumerate(results.cells):
        axes, colour = panels[rank // 3], colours(results.strategies)[result.cell.strategy]
        expected = [0.8 + rank / 100, 0.75 + rank / 100, 0.85 + rank / 100, 0.6]
        assert [value for value, _, _ in dots(axes, colour)] == pytest.approx(expected)
        assert [sum(ends) / 2 for ends in intervals(axes, colour)] == pytest.approx(expected)


def test_groups_without_a_value_are_said(make_results: Callable[..., Results]) -> None:
    axes = subgroup_auroc(grouped(make_results())).axes[0]
    said = [text.get_text() for text in axes.texts]
    assert said == [
        "undefined: no class has an AUROC",
        "undefined: too few images",
        "undefined: too few images",
    ]


def test_what_evaluate_writes_can_be_drawn(make_results: Callable[..., Results]) -> None:
    labels = subgroup_auroc(make_results()).axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == ["all (40 images)", "sex=F (20 images)", "sex=M (20 images)"]
