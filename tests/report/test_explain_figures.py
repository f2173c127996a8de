"""Figures of what was measured of heat maps and blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from tests.report.test_class_intervals import dots
from thaw.report.explain_figures import (
    block_similarity,
    deletion_insertion,
    localisation,
    pointing_by_class,
    randomisation,
)
from thaw.report.results import Results
from thaw.report.style import colours

FIGURES = (localisation, pointing_by_class, deletion_insertion, randomisation, block_similarity)
BLOCKS = ("stem", "layer1", "layer2")
NONE = "explain.images is 0"


def located(pointing: float) -> dict[str, Any]:
    return {
        "maps": 40, "images": 30, "pointing": pointing, "pointing_low": pointing - 0.1, "pointing_high": pointing + 0.1,
        "energy": pointing / 2, "overlap": None, "area": 0.12,
        "by_class": {"Effusion": {"maps": 30, "pointing": pointing, "area": 0.1},
                     "<b>|x": {"maps": 10, "pointing": None, "area": 0.2}},
    }  # fmt: skip


def explained(rank: int = 0) -> dict[str, Any]:
    """As ``explain.json``."""
    fractions = np.linspace(0, 1, 5)
    curves = {
        "deletion": 1 - fractions**0.5, "insertion": fractions**0.5, "random_deletion": 1 - fractions,
        "random_insertion": fractions,
    }  # fmt: skip
    return {
        "localisation": {"reason": None, "trained": located(0.6 + rank / 10), "untrained": located(0.2)},
        "faithfulness": {"reason": None, "images": 8, "fractions": fractions.tolist(),
                         **{name: (curve * (1 - rank / 10)).tolist() for name, curve in curves.items()}},
        "randomisation": {"reason": None, "images": 8, "blocks": [
            {"block": name, "correlation": 0.8 - 0.3 * place} for place, name in enumerate(("head", *BLOCKS[::-1]))]},
        "similarity": [{"block": name, "cka": 1 - 0.1 * rank * place} for place, name in enumerate(BLOCKS)],
    }  # fmt: skip


def unmeasured(reason: str = NONE) -> dict[str, Any]:
    curves = ("fractions", "deletion", "insertion", "random_deletion", "random_insertion")
    return {
        "localisation": {"reason": reason, "trained": None, "untrained": None},
        "faithfulness": {"reason": reason, "images": 0, **{name: [] for name in curves}},
        "randomisation": {"reason": reason, "images": 0, "blocks": []},
        "similarity": [],
    }


def measured(results: Results) -> dict[str, dict[str, Any]]:
    return {strategy: explained(rank) for rank, strategy in enumerate(results.strategies)}


def lines(axes: Axes, style: str) -> dict[str, list[float]]:
    """Heights of the lines of a style, by colour."""
    return {
        to_hex(line.get_color()).upper(): list(line.get_ydata())
        for line in axes.lines
        if line.get_linestyle() == style and len(line.get_xdata()) > 2
    }


def said(axes: Axes) -> list[str]:
    return [text.get_text().replace("\n", " ") for text in axes.texts]


@pytest.fixture
def results(make_results: Callable[..., Results]) -> Results:
    return make_results(classes=("Mass", "Effusion", "<b>|x"))


def test_trained_untrained_and_chance_stand_beside_each_other(results: Results) -> None:
    pointing, energy, overlap = localisation(results, "resnet18", measured(results)).axes
    assert [label.get_text() for label in pointing.get_yticklabels()] == results.strategies
    for axes, share in ((pointing, 1), (energy, 0.5)):
        for rank, colour in enumerate(colours(results.strategies).values()):
            assert dots(axes, colour) == [(pytest.approx((0.6 + rank / 10) * share), pytest.approx(rank - 0.05), True)]
        squares = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "s"]
        assert squares == pytest.approx([0.2 * share] * 3)
        assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"] == [0.12] * 3
    ends = [
        list(line.get_xdata()) for line in pointing.lines if len(line.get_xdata()) == 2 and line.get_linestyle() == "-"
    ]
    assert ends[1] == pytest.approx([0.5, 0.7])
    assert said(overlap) == ["undefined: no map"] * 3


def test_classes_without_a_map_are_said(results: Results) -> None:
    axes = pointing_by_class(results, "resnet18", measured(results)).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Effusion (30 maps)", "<b>|x (10 maps)"]
    values = [dots(axes, colour)[0][0] for colour in colours(results.strategies).values()]
    assert values == pytest.approx([0.6, 0.7, 0.8])
    assert said(axes) == ["undefined: no map"]
    assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"] == [0.1, 0.2]


def test_curves_of_deletion_and_insertion(results: Results) -> None:
    panels = deletion_insertion(results, "resnet18", measured(results)).axes
    for axes, name in zip(panels, ("deletion", "insertion"), strict=True):
        for strategy, colour in colours(results.strategies).items():
            found = measured(results)[strategy]["faithfulness"]
            assert lines(axes, "-")[colour] == found[name]
            assert lines(axes, ":")[colour] == found[f"random_{name}"]


@pytest.mark.parametrize(
    ("draw", "key", "value", "blocks"),
    [(randomisation, "randomisation", "correlation", ["head", *BLOCKS[::-1]]), (block_similarity, "", "cka", BLOCKS)],
)
def test_a_line_a_strategy_over_the_blocks(results: Results, draw, key: str, value: str, blocks: list[str]) -> None:
    axes = draw(results, "resnet18", measured(results)).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == list(blocks)
    for strategy, colour in colours(results.strategies).items():
        one = measured(results)[strategy]
        rows = one[key]["blocks"] if key else one["similarity"]
        assert lines(axes, "-")[colour] == [row[value] for row in rows]


def test_an_undefined_similarity_leaves_a_gap_and_is_said(results: Results) -> None:
    found = measured(results)
    found["full"]["similarity"][1]["cka"] = None
    axes = block_similarity(results, "resnet18", found).axes[0]
    np.testing.assert_equal(lines(axes, "-")["#009E73"], [1.0, np.nan, 0.6])
    assert said(axes) == ["full: undefined for layer1"]


@pytest.mark.parametrize("draw", FIGURES)
def test_what_was_not_measured_is_said(results: Results, draw) -> None:
    figure = draw(results, "resnet18", {strategy: unmeasured() for strategy in results.strategies})
    figure.draw_without_rendering()
    assert any(NONE in text or "not measured" in text for axes in figure.axes for text in said(axes))


@pytest.mark.parametrize("draw", FIGURES)
def test_one_strategy_that_was_not_measured_leaves_the_others(results: Results, draw) -> None:
    figure = draw(results, "resnet18", {**measured(results), "partial": unmeasured("no box")})
    figure.draw_without_rendering()
    assert figure.axes[0].lines


def test_strategies_keep_their_colours_where_some_were_not_explained(results: Results) -> None:
    axes = block_similarity(results, "resnet18", {"full": explained(2)}).axes[0]
    assert list(lines(axes, "-")) == [colours(results.strategies)["full"]]
