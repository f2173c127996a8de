"""The figures: drawn for any grid, the same bytes each time, with nothing that a class name could break."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from thaw.report.class_figures import confusion_matrices
from thaw.report.class_intervals import auroc_intervals
from thaw.report.figures import figures_of, quality_against_cost, strategy_bars, write_figures
from thaw.report.results import Results
from thaw.report.style import colours

ALWAYS = {
    "learning_curves.png", "strategies.png", "quality_against_cost.png", "reliability.png", "promise.png",
}  # fmt: skip


def texts(figure: Figure) -> list[str]:
    """All that is written in the panels of a figure."""
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.mark.parametrize(
    ("task", "by_class"), [("multilabel", "auroc_by_class.png"), ("multiclass", "confusion_matrices.png")]
)
def test_figures_are_written_alike_twice(
    make_results: Callable[..., Results], tmp_path: Path, task: str, by_class: str
) -> None:
    results = make_results(models=("resnet18", "resnet50"), seeds=(0, 1), task=task)
    for folder in ("one", "two"):
        write_figures(results, tmp_path / folder)
    assert {path.name for path in (tmp_path / "one").iterdir()} == ALWAYS | {by_class}
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
        with Image.open(path) as image:
            assert 500 <= image.width <= 2500
            assert 200 <= image.height <= 2500


def test_the_users_own_style_does_not_matter(make_results: Callable[..., Results], tmp_path: Path) -> None:
    results = make_results()
    write_figures(results, tmp_path / "one")
    with mpl.rc_context({"lines.linewidth": 9, "font.size": 20}):
        write_figures(results, tmp_path / "two")
        assert mpl.rcParams["font.size"] == 20
    for name in figures_of(results):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_folder_keeps_no_figure_of_another_task(make_results: Callable[..., Results], tmp_path: Path) -> None:
    for task in ("multilabel", "multiclass"):
        write_figures(make_results(task=task), tmp_path / "figures")
    assert not (tmp_path / "figures/auroc_by_class.png").exists()


def test_every_heading_names_the_dataset_as_synthetic(make_results: Callable[..., Results]) -> None:
    for task in ("multilabel", "multiclass"):
        results = make_results(task=task)
        for draw in figures_of(results).values():
            assert "Phantom chest X-rays (synthetic)" in draw(results).get_suptitle().replace("\n", " ")


def test_hostile_class_names_are_drawn(make_results: Callable[..., Results], tmp_path: Path) -> None:
    names = ("<b>|x", "$\\frac$", "a" * 90)
    for task in ("multilabel", "multiclass"):
        write_figures(make_results(task=task, classes=names), tmp_path / task)


def test_undefined_values_are_written_not_drawn(make_results: Callable[..., Results], tmp_path: Path) -> None:
    results = make_results()
    for result in results.cells:
        result.metrics["auroc"]["Hernia"] = None
        result.metrics["auroc_macro"] = result.metrics["f1_macro"] = None
        result.history["auroc_macro"] = float("nan")
    write_figures(results, tmp_path / "figures")
    assert texts(strategy_bars(results)).count(" undefined") == 6
    assert sum(text.startswith("undefined") for text in texts(auroc_intervals(results))) == 1
    assert texts(quality_against_cost(results)) == []


def test_a_confusion_panel_shows_the_counts_of_its_cell(make_results: Callable[..., Results]) -> None:
    figure = confusion_matrices(make_results(task="multiclass", classes=("NORMAL", "PNEUMONIA"), seeds=(0, 1)))
    assert [axes.get_title() for axes in figure.axes[:2]] == ["resnet18\nfrozen, seed 0", "resnet18\nfrozen, seed 1"]
    assert [text.get_text() for text in figure.axes[1].texts] == ["41", "7", "7", "41"]


def test_bars_are_as_long_as_the_mean_and_coloured_by_strategy(make_results: Callable[..., Results]) -> None:
    results = make_results(seeds=(0, 1))
    bars = strategy_bars(results).axes[0].patches
    assert [bar.get_x() + bar.get_width() for bar in bars] == pytest.approx([0.705, 0.725, 0.745])
    assert [to_hex(bar.get_facecolor()).upper() for bar in bars] == list(colours(results.strategies).values())


def test_cost_is_logarithmic_only_where_it_spreads(make_results: Callable[..., Results]) -> None:
    assert quality_against_cost(make_results()).axes[0].get_xscale() == "log"
    assert quality_against_cost(make_results(strategies=("frozen", "partial"))).axes[0].get_xscale() == "linear"


def test_labels_of_crowded_points_do_not_overlap(make_results: Callable[..., Results]) -> None:
    results = make_results(models=tuple(f"model{number}" for number in range(10)))
    axes = quality_against_cost(results).axes[0]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) >= 15
    assert all(not box.count_overlaps(boxes[:index]) for index, box in enumerate(boxes))


def test_a_strategy_keeps_its_colour_when_another_is_added(make_results: Callable[..., Results]) -> None:
    before = colours(make_results().strategies)
    after = colours(make_results(strategies=("frozen", "partial", "full", "progressive")).strategies)
    assert before.items() <= after.items()
    assert len(set(after.values())) == 4


def test_one_epoch_one_cell_is_drawn(make_results: Callable[..., Results], tmp_path: Path) -> None:
    results = make_results(strategies=("frozen",), selected="frozen")
    first = results.cells[0]
    short = dataclasses.replace(first, history=first.history[first.history["epoch"] == 1])
    write_figures(dataclasses.replace(results, cells=(short,)), tmp_path / "figures")
