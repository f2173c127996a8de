"""The dots of a row a class: where they stand, their intervals, and what is said where there are none."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable

import matplotlib as mpl
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from thaw.report.class_intervals import auroc_intervals
from thaw.report.panels import amount, shortened
from thaw.report.results import Results
from thaw.report.style import colours


def dots(axes: Axes, colour: str) -> list[tuple[float, float, bool]]:
    """Value, row and whether it is full, of one colour's dots."""
    return [
        (line.get_xdata()[0], line.get_ydata()[0], to_hex(line.get_markerfacecolor()) == to_hex(line.get_color()))
        for line in axes.lines
        if line.get_marker() == "o" and to_hex(line.get_color()).upper() == colour
    ]


def intervals(axes: Axes, colour: str) -> list[list[float]]:
    """Ends of one colour's lines."""
    return [
        list(line.get_xdata())
        for line in axes.lines
        if len(line.get_xdata()) == 2 and to_hex(line.get_color()).upper() == colour
    ]


def test_dots_stand_on_the_intervals_of_the_first_seed(make_results: Callable[..., Results]) -> None:
    results = make_results(models=("resnet18", "resnet50"), seeds=(1, 0))
    first_panel, axes = auroc_intervals(results).axes
    assert axes.get_title() == "resnet50"
    assert [label.get_text() for label in first_panel.get_yticklabels()] == ["Mass", "Effusion", "Hernia"]
    for number, (strategy, colour) in enumerate(colours(results.strategies).items()):
        first = results.seeds_of("resnet50", strategy)[0]
        found = dots(axes, colour)
        assert [value for value, _, _ in found] == [first.metrics["auroc"][name] for name in results.subject.classes]
        assert [row for _, row, _ in found] == pytest.approx([row + 0.28 * (number - 1) for row in range(3)])
        assert all(full for _, _, full in found)
        assert intervals(axes, colour) == [
            first.details["intervals"]["auroc"][name] for name in results.subject.classes
        ]


def test_classes_are_sorted_by_the_headline(make_results: Callable[..., Results]) -> None:
    results = make_results()
    results.seeds_of("resnet18", "full")[0].metrics["auroc"].update({"Mass": 0.6, "Effusion": None, "Hernia": 0.9})
    labels = auroc_intervals(results).axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == ["Hernia", "Mass", "Effusion"]


def test_what_is_undefined_is_said_with_its_reason(make_results: Callable[..., Results]) -> None:
    results = make_results()
    for result in results.cells:
        result.metrics["auroc"]["Hernia"] = None
        result.metrics["undefined"] = {"Hernia": "no image with it"}
    results.cells[1].metrics["auroc"]["Mass"] = None
    axes = auroc_intervals(results).axes[0]
    assert {text.get_text() for text in axes.texts} == {"undefined: no image with it", "partial undefined: "}
    assert [row for _, row, _ in dots(axes, colours(results.strategies)["frozen"])] == pytest.approx([-0.28, 0.72])


def test_a_value_without_an_interval_is_hollow(make_results: Callable[..., Results]) -> None:
    results = make_results(strategies=("full",))
    details = copy.deepcopy(results.cells[0].details)
    details["intervals"]["auroc"]["Effusion"] = None
    pooled = dataclasses.replace(results.cells[0], details={})
    for result, full in (
        (dataclasses.replace(results.cells[0], details=details), [True, False, True]),
        (pooled, [False] * 3),
    ):
        axes = auroc_intervals(dataclasses.replace(results, cells=(result,))).axes[0]
        assert [one for _, _, one in dots(axes, "#0072B2")] == full


def test_rows_of_many_strategies_do_not_touch(make_results: Callable[..., Results]) -> None:
    results = make_results(strategies=tuple("abcdefgh"), selected="a", classes=tuple(f"class {n}" for n in range(15)))
    figure = auroc_intervals(results)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    rows = sorted(line.get_ydata()[0] for line in axes.lines if line.get_marker() == "o")
    high = axes.transData.transform([(0, row) for row in rows])[:, 1]
    assert len(rows) == 120
    assert min(abs(high[1:] - high[:-1])) >= 4 * figure.dpi / 72 * 0.7


def test_the_users_own_style_does_not_matter(make_results: Callable[..., Results]) -> None:
    with mpl.rc_context({"font.size": 30, "axes.spines.top": True}):
        figure = auroc_intervals(make_results())
    assert not figure.axes[0].spines.top.get_visible()


def test_names_and_counts_are_short() -> None:
    assert shortened("a\nb" + "c" * 40) == "a b" + "c" * 18 + "…"
    assert shortened("Mass") == "Mass"
    assert [amount(number) for number in (0, 999, 1000, 999_999, 1_000_000)] == [
        "0",
        "999",
        "1.0 K",
        "1000.0 K",
        "1.0 M",
    ]
