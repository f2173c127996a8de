"""Curves: their points against scikit-learn, thinning that cannot be seen, and what the panels hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from thaw.labels import UNKNOWN
from thaw.report.curve_points import (
    MACRO,
    PRECISION_RECALL,
    ROC,
    curves_of,
    mean_precision_recall,
    mean_roc,
    precision_recall_points,
    roc_points,
    thinned,
)
from thaw.report.curves import precision_recall_curves, roc_curves
from thaw.report.results import Results
from thaw.report.statistics import predictions_of
from thaw.report.style import colours


def scored(seed: int, images: int = 300, levels: int = 40) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Labels and scores with ties."""
    random = np.random.default_rng(seed)
    labels = (random.random(images) < 0.2).astype(np.int8)
    labels[:2] = 0, 1
    return labels, np.round((random.normal(size=images) + labels) * levels) / levels


def area(points: NDArray[np.float64]) -> float:
    return float(np.trapezoid(points[:, 1], points[:, 0]))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 50))
def test_points_and_areas_are_scikit_learns(seed: int, levels: int) -> None:
    labels, scores = scored(seed, 60, levels)
    false, true, _ = roc_curve(labels, scores, drop_intermediate=False)
    made = roc_points(labels, scores)
    np.testing.assert_allclose(made, np.column_stack([false, true]), atol=1e-12)
    assert area(made) == pytest.approx(roc_auc_score(labels, scores))
    precision, recall, _ = precision_recall_curve(labels, scores)
    attained = np.column_stack([recall, precision])[:-1][::-1]
    gains = np.diff(attained[:, 0], prepend=0) > 0
    steps = precision_recall_points(labels, scores)
    np.testing.assert_allclose(steps[1::2], attained[gains], atol=1e-12)
    assert area(steps) == pytest.approx(average_precision_score(labels, scores))


def test_unknown_labels_are_left_out_and_a_single_side_has_no_curve() -> None:
    labels, scores = scored(0)
    some = np.where(np.arange(300) % 3 == 0, UNKNOWN, labels)
    for points in (roc_points, precision_recall_points):
        np.testing.assert_array_equal(points(some, scores), points(labels[some != UNKNOWN], scores[some != UNKNOWN]))
        for labels_of_one_side in (
            np.zeros(5, np.int8),
            np.ones(5, np.int8),
            np.full(5, UNKNOWN),
            np.zeros(0, np.int8),
        ):
            assert points(labels_of_one_side, np.arange(len(labels_of_one_side), dtype=float)) is None


def test_means_have_the_mean_area() -> None:
    cases = [scored(seed) for seed in range(5)]
    for points, mean, score in (
        (roc_points, mean_roc, roc_auc_score),
        (precision_recall_points, mean_precision_recall, average_precision_score),
    ):
        made = mean([points(*case) for case in cases])
        assert area(made) == pytest.approx(np.mean([score(*case) for case in cases]), abs=0.006)


@pytest.mark.parametrize("points", [roc_points, precision_recall_points])
def test_thinning_cannot_be_seen(points: Callable[..., NDArray[np.float64]]) -> None:
    whole = points(*scored(1, images=20_000, levels=10_000))
    few = thinned(whole)
    assert len(few) <= 150 < len(whole)
    assert (few[0] == whole[0]).all()
    assert (few[-1] == whole[-1]).all()
    starts, along = few[:-1, None], np.diff(few, axis=0)[:, None]
    length = np.maximum((along**2).sum(axis=2), 1e-30)
    share = np.clip(((whole - starts) * along).sum(axis=2) / length, 0, 1)[..., None]
    distance = np.hypot(*np.moveaxis(whole - starts - share * along, 2, 0)).min(axis=0)
    assert distance.max() < 0.01
    assert area(few) == pytest.approx(area(whole), abs=0.003)


def test_few_points_stay_and_points_on_a_line_go() -> None:
    corner = np.array([[0, 0], [0, 0.5], [0, 1], [0.5, 1], [1, 1.0]])
    np.testing.assert_array_equal(thinned(corner), corner[[0, 2, 4]])
    np.testing.assert_array_equal(thinned(corner, most=2), corner[[0, 4]])


def coloured(axes: Axes) -> dict[str, NDArray[np.float64]]:
    """The curves of a panel by colour."""
    solid = [line for line in axes.lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 1]
    return {to_hex(line.get_color()).upper(): np.column_stack(line.get_data()) for line in solid}


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
@pytest.mark.parametrize(("draw", "kind"), [(roc_curves, ROC), (precision_recall_curves, PRECISION_RECALL)])
def test_a_panel_a_class_holds_a_line_a_strategy(make_results: Callable[..., Results], task: str, draw, kind) -> None:
    results = make_results(models=("resnet18", "resnet50"), seeds=(1, 0), task=task)
    panels = draw(results, "resnet50").axes
    assert [axes.get_title() for axes in panels] == [MACRO, "Mass", "Effusion", "Hernia"]
    for strategy, colour in colours(results.strategies).items():
        expected = curves_of(predictions_of(results.seeds_of("resnet50", strategy)[0], results), kind)
        for axes, points in zip(panels, expected.values(), strict=True):
            np.testing.assert_allclose(coloured(axes)[colour], points)


def test_aurocs_are_written_in_their_panels(make_results: Callable[..., Results]) -> None:
    results = make_results(strategies=("frozen", "full"))
    made = [predictions_of(result, results) for result in results.cells]
    expected = [f"{roc_auc_score(one.labels[:, 0], one.scores[:, 0]):.3f}" for one in made]
    assert [text.get_text() for text in roc_curves(results, "resnet18").axes[1].texts] == expected[::-1]
    many = make_results(strategies=tuple("abcdef"), selected="a")
    assert not roc_curves(many, "resnet18").axes[1].texts


def test_chance_is_the_share_of_positives(make_results: Callable[..., Results]) -> None:
    results = make_results()
    labels = results.cells[0].predictions["label_Mass"]
    dashed = [
        line for line in precision_recall_curves(results, "resnet18").axes[1].lines if line.get_linestyle() == "--"
    ]
    assert dashed[0].get_ydata() == pytest.approx([labels.mean()] * 2)


@pytest.mark.parametrize("draw", [roc_curves, precision_recall_curves])
def test_what_is_undefined_is_said(make_results: Callable[..., Results], draw) -> None:
    results = make_results()
    without = [
        dataclasses.replace(result, predictions=result.predictions.assign(label_Hernia=0)) for result in results.cells
    ]
    panels = draw(dataclasses.replace(results, cells=tuple(without)), "resnet18").axes
    assert [text.get_text() for text in panels[3].texts] == ["no curve:\nno image with it"]
    assert coloured(panels[3]) == {}
    assert len(coloured(panels[0])) == 3


def test_one_class_has_no_average(make_results: Callable[..., Results]) -> None:
    panels = roc_curves(make_results(classes=("Mass",)), "resnet18").axes
    assert [axes.get_title() for axes in panels] == ["Mass"]
