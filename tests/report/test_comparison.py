"""The tables: known numbers in, exact rows out."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.made import table_of_results
from thaw.report.average import average
from thaw.report.comparison import curves_table, headline, undefined_classes
from thaw.report.results import Results

COLUMNS = [
    "model", "strategy", "seeds", "auroc_macro", "average_precision_macro", "f1_macro", "accuracy", "seconds",
    "memory_gib", "parameters", "trainable", "auroc_macro_low", "auroc_macro_high", "auroc_macro_std", "on_front",
    "split", "dataset", "folds", "auroc_macro_fold_mean", "auroc_macro_fold_sd", "train_images",
]  # fmt: skip


def with_metrics(results: Results, change: Callable[[dict[str, Any]], None], index: int = 0) -> Results:
    """The results with one cell's metrics changed."""
    cells = list(results.cells)
    metrics = copy.deepcopy(cells[index].metrics)
    change(metrics)
    cells[index] = dataclasses.replace(cells[index], metrics=metrics)
    return dataclasses.replace(results, cells=tuple(cells))


def test_a_row_is_the_mean_over_seeds(make_results: Callable[..., Results]) -> None:
    table = table_of_results(make_results(strategies=("frozen",), seeds=(3, 7), selected="frozen"))
    assert list(table.columns) == COLUMNS
    assert table.iloc[0].drop("average_precision_macro").to_dict() == {
        "model": "resnet18", "strategy": "frozen", "seeds": 2, "auroc_macro": 0.705, "f1_macro": 0.505,
        "accuracy": 0.805, "seconds": 12.5, "memory_gib": 1.5, "parameters": 3_391_000, "trainable": 17_934,
        "auroc_macro_low": None, "auroc_macro_high": None, "on_front": True,
        "auroc_macro_std": 0.007071, "split": "patient 70/15/15 (seed 0), test 150 images of 60 patients",
        "dataset": "Phantom chest X-rays (synthetic)", "folds": 1, "auroc_macro_fold_mean": None,
        "auroc_macro_fold_sd": None, "train_images": 700,
    }  # fmt: skip


def test_rows_are_in_the_order_of_the_grid_and_one_seed_has_no_spread(make_results: Callable[..., Results]) -> None:
    table = table_of_results(make_results(models=("resnet50", "densenet121"), strategies=("full", "frozen")))
    assert list(zip(table["model"], table["strategy"], strict=True)) == [
        ("resnet50", "full"), ("resnet50", "frozen"), ("densenet121", "full"), ("densenet121", "frozen"),
    ]  # fmt: skip
    assert table["auroc_macro_std"].isna().all()


def test_counts_stay_whole_numbers(make_results: Callable[..., Results]) -> None:
    table = table_of_results(make_results(seeds=(0, 1, 2)))
    assert pd.api.types.is_integer_dtype(table["parameters"])
    assert pd.api.types.is_integer_dtype(table["trainable"])


def test_headline_is_the_selected_strategy_of_the_first_model(make_results: Callable[..., Results]) -> None:
    # ranks: frozen 0 1, partial 2 3, full 4 5 of the first model
    metrics = headline(make_results(models=("resnet18", "resnet50"), seeds=(0, 1), selected="partial"))
    assert metrics["auroc_macro"] == 0.725
    assert metrics["trainable"] == 1_100_000
    assert not any(isinstance(value, dict) for value in metrics.values())


def test_undefined_stays_undefined(make_results: Callable[..., Results]) -> None:
    def erase(metrics: dict[str, Any]) -> None:
        metrics["auroc_macro"] = None
        metrics["auroc"] = {**metrics["auroc"], "Hernia": None}

    results = with_metrics(make_results(selected="frozen"), erase)
    assert headline(results)["auroc_macro"] is None
    assert table_of_results(results)["auroc_macro"].isna().tolist() == [True, False, False]
    assert undefined_classes(results) == ["Hernia"]


def test_curves_hold_every_epoch_of_every_cell(make_results: Callable[..., Results]) -> None:
    table = curves_table(make_results(seeds=(0, 1)))
    assert list(table.columns) == ["cell", "split", "epoch", "loss", "accuracy", "auroc_macro"]
    assert table["cell"].nunique() == 6
    assert (table.groupby(["cell", "split"])["epoch"].apply(list).map(lambda epochs: epochs == [1, 2, 3, 4, 5])).all()


@given(st.lists(st.one_of(st.none(), st.integers(0, 10**9), st.floats(0, 1)), min_size=1, max_size=6))
def test_average_lies_between_the_defined_values(values: list[float | None]) -> None:
    defined = [value for value in values if value is not None]
    mean = average(values)
    assert (mean is None) == (not defined)
    if defined:
        assert min(defined) - 1e-6 <= mean <= max(defined) + 1e-6
        assert average([{"x": {"y": value}} for value in values]) == {"x": {"y": mean}}


def test_average_of_equal_counts_is_a_count() -> None:
    assert isinstance(average([5, 5]), int)
    assert average([1, 2]) == pytest.approx(1.5)
