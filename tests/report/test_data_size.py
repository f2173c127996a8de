"""Learning curves over the data: crossings of hand-made curves, the table, the figure, the page."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.report.made import page_of
from thaw.report.data_size import Crossing, crossing_lines, crossings, size_table
from thaw.report.data_size_figure import auroc_by_size
from thaw.report.figures import figures_of, write_figures
from thaw.report.results import Results

SIZES = (100, 1000, 10_000)


def table_of(curves: Mapping[str, tuple[float | None, ...]], model: str = "m") -> pd.DataFrame:
    return pd.DataFrame([
        {"model": model, "strategy": name, "seed": 0, "train_images": size, "auroc_macro": value}
        for name, values in curves.items()
        for size, value in zip(SIZES, values, strict=True)
    ])  # fmt: skip


def with_subsets(results: Results, scores: Mapping[str, tuple[float, float]]) -> Results:
    """The results with trainings on 100 and 400 images; on all 700 stay as they are."""
    smaller = [
        dataclasses.replace(
            result,
            cell=dataclasses.replace(result.cell, subset=size),
            metrics={**result.metrics, "train_images": size, "auroc_macro": score},
        )
        for result in results.cells
        for size, score in zip((100, 400), scores[result.cell.strategy], strict=True)
    ]
    return dataclasses.replace(results, smaller=tuple(smaller))


@pytest.fixture
def results(make_results: Callable[..., Results]) -> Results:
    """Frozen is best at 100 images, full at 700 (0.70, 0.71, 0.72: the fixture's own)."""
    return with_subsets(make_results(), {"frozen": (0.68, 0.69), "partial": (0.60, 0.70), "full": (0.52, 0.68)})


def test_a_crossing_lies_where_the_straight_lines_over_log_images_meet() -> None:
    # 0.06 ahead at 100, 0.02 behind at 1000: three quarters of the way, 100 × 10^0.75
    table = table_of({"frozen": (0.70, 0.72, 0.73), "full": (0.64, 0.74, 0.80)})
    (found,) = crossings(table)
    assert (found.model, found.below, found.above) == ("m", "frozen", "full")
    assert found.images == pytest.approx(100 * 10**0.75)
    assert crossing_lines(table) == [
        "m: frozen and full cross at about 560 training images: frozen is ahead below, full above."
    ]


def test_curves_that_never_change_places_have_no_crossing() -> None:
    table = table_of({"frozen": (0.60, 0.62, 0.63), "full": (0.64, 0.74, 0.63)})
    assert crossings(table) == []
    assert crossing_lines(table) == ["m: frozen and full: no crossing between 100 and 10,000 training images."]


def test_equal_at_a_size_is_a_crossing_there_only_if_the_order_changes() -> None:
    (found,) = crossings(table_of({"frozen": (0.7, 0.7, 0.7), "full": (0.6, 0.7, 0.8)}))
    assert found == Crossing("m", "frozen", "full", 1000)


def test_curves_may_cross_twice_and_undefined_points_are_passed_over() -> None:
    twice = crossings(table_of({"frozen": (0.7, 0.7, 0.7), "full": (0.6, 0.8, 0.6)}))
    assert [(cross.below, cross.above) for cross in twice] == [("frozen", "full"), ("full", "frozen")]
    assert [cross.images for cross in twice] == pytest.approx([100 * 10**0.5, 1000 * 10**0.5])
    (over,) = crossings(table_of({"frozen": (0.7, None, 0.7), "full": (0.6, 0.9, 0.8)}))
    assert over.images == pytest.approx(1000)


def test_strategies_of_different_models_are_not_compared() -> None:
    both = pd.concat([table_of({"full": (0.6, 0.7, 0.8)}), table_of({"frozen": (0.7, 0.7, 0.7)}, model="n")])
    assert crossing_lines(both) == []


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.floats(0.3, 1), st.floats(0.3, 1)), min_size=3, max_size=3))
def test_the_order_of_strategies_does_not_matter_and_crossings_lie_between_sizes(
    points: list[tuple[float, float]],
) -> None:
    one, other = (tuple(point[index] for point in points) for index in (0, 1))
    found, turned = (crossings(table_of(curves)) for curves in ({"a": one, "b": other}, {"b": other, "a": one}))
    assert [(cross.below, cross.above) for cross in found] == [(cross.below, cross.above) for cross in turned]
    assert [cross.images for cross in found] == pytest.approx([cross.images for cross in turned])
    assert all(99.9 <= cross.images <= 10_001 and math.isfinite(cross.images) for cross in found)
    signs = [math.copysign(1, a - b) for a, b in points if a != b]
    assert len(found) == sum(before != after for before, after in pairwise(signs))


def test_the_table_holds_every_size_of_every_strategy(results: Results) -> None:
    assert size_table(results).to_numpy().tolist() == [
        ["resnet18", "frozen", 0, 100, 0.68], ["resnet18", "frozen", 0, 400, 0.69], ["resnet18", "frozen", 0, 700, 0.7],
        ["resnet18", "partial", 0, 100, 0.6], ["resnet18", "partial", 0, 400, 0.7],
        ["resnet18", "partial", 0, 700, 0.71], ["resnet18", "full", 0, 100, 0.52], ["resnet18", "full", 0, 400, 0.68],
        ["resnet18", "full", 0, 700, 0.72],
    ]  # fmt: skip


def test_with_folds_the_whole_training_set_is_that_of_fold_1(results: Results) -> None:
    first = results.cells[0]
    pooled = dataclasses.replace(first, metrics={**first.metrics, "auroc_macro": 0.9}, folds=(first, first))
    subject = dataclasses.replace(results.subject, pooling="2 of 2 folds")
    mixed = dataclasses.replace(results, subject=subject, cells=(pooled, *results.cells[1:]))
    assert size_table(mixed)["auroc_macro"].max() == 0.72
    heading = auroc_by_size(mixed).get_suptitle().replace("\n", " ")
    assert "AUROC by training images, tested on fold 1 alone (differences not tested)" in heading
    page = page_of(mixed)
    assert "## Macro AUROC of fold 1's test images, by training images" in page.splitlines()


def test_the_figure_and_the_table_are_drawn_only_with_subsets(
    results: Results, make_results: Callable[..., Results], tmp_path: Path
) -> None:
    write_figures(results, tmp_path / "with")
    with Image.open(tmp_path / "with/learning_curve_data.png") as image:
        assert image.width >= 500
    assert len(pd.read_csv(tmp_path / "with/learning_curve.csv")) == 9
    figure = figures_of(results)["learning_curve_data.png"](results)
    assert figure.axes[0].get_xscale() == "log"
    assert [line.get_ydata().tolist() for line in figure.axes[0].lines] == [  # type: ignore[union-attr]
        [0.68, 0.69, 0.70], [0.60, 0.70, 0.71], [0.52, 0.68, 0.72],
    ]  # fmt: skip
    write_figures(make_results(), tmp_path / "without")
    assert not list((tmp_path / "without").glob("learning_curve_data.png"))
    assert not list((tmp_path / "without").glob("*.csv"))


def test_the_page_shows_sizes_and_names_crossings_with_care(results: Results) -> None:
    page = page_of(results)
    part = page.split("## Macro AUROC of the test images, by training images")[1].split("## Limits")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"]
    assert rows[0] == ["model", "strategy", "100", "400", "700"]
    assert rows[2:] == [
        ["resnet18", "frozen", "0.680", "0.690", "0.700"], ["resnet18", "partial", "0.600", "0.700", "0.710"],
        ["resnet18", "full", "0.520", "0.680", "0.720"],
    ]  # fmt: skip
    assert "a crossing may be chance" in part
    assert [line.split(":")[1] for line in part.splitlines() if line.startswith("- ")] == [
        " frozen and partial cross at about 340 training images",
        " frozen and full cross at about 480 training images",
        " partial and full cross at about 580 training images",
    ]
