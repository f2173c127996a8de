"""Tables for dvc plots, and the templates that draw them."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from dvc_render.vega import VegaRenderer
from sklearn.metrics import confusion_matrix

from thaw.labels import UNKNOWN
from thaw.report.curve_points import MACRO, ROC, curves_of
from thaw.report.plots import write_plots
from thaw.report.reliability_points import reliability_points
from thaw.report.results import Results
from thaw.report.statistics import predictions_of

TEMPLATES = Path(__file__).parents[2] / ".dvc/plots"
AXES = {
    "roc": ("panels", "false_positive_rate", "true_positive_rate"),
    "precision_recall": ("panels", "recall", "precision"),
    "calibration": ("panels", "probability", "share_of_positives"),
    "confusion": ("confusion", "given", "true"),
}


def written(results: Results, folder: Path) -> dict[str, pd.DataFrame]:
    write_plots(results, folder)
    return {path.stem: pd.read_csv(path, keep_default_na=False) for path in folder.iterdir()}


def test_curves_of_the_first_seed_in_their_order(make_results: Callable[..., Results], tmp_path: Path) -> None:
    results = make_results(seeds=(1, 0))
    tables = written(results, tmp_path / "plots")
    assert set(tables) == set(AXES)
    roc = tables["roc"]
    assert list(roc) == ["cell", "panel", "false_positive_rate", "true_positive_rate"]
    assert list(roc["cell"].unique()) == [f"resnet18-{name}-1" for name in results.strategies]
    assert list(roc["panel"].unique()) == [MACRO, "Mass", "Effusion", "Hernia"]
    expected = curves_of(predictions_of(results.seeds_of("resnet18", "full")[0], results), ROC)["Mass"]
    found = roc[(roc["cell"] == "resnet18-full-1") & (roc["panel"] == "Mass")]
    np.testing.assert_allclose(found[["false_positive_rate", "true_positive_rate"]], expected, atol=1e-4)


def test_an_undefined_curve_has_no_row(make_results: Callable[..., Results], tmp_path: Path) -> None:
    results = make_results()
    cells = tuple(
        dataclasses.replace(result, predictions=result.predictions.assign(label_Hernia=pd.array([pd.NA] * 40)))
        for result in results.cells
    )
    assert (predictions_of(cells[0], results).labels[:, 2] == UNKNOWN).all()
    tables = written(dataclasses.replace(results, cells=cells), tmp_path / "plots")
    assert "Hernia" not in set(tables["roc"]["panel"]) | set(tables["precision_recall"]["panel"])
    assert not (tables["roc"] == "").to_numpy().any()


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_calibration_is_that_of_the_details(make_results: Callable[..., Results], tmp_path: Path, task: str) -> None:
    results = make_results(strategies=("full",), task=task)
    table = written(results, tmp_path / "plots")["calibration"]
    sides = results.cells[0].details["calibration"]
    for side in ("before", "after"):
        found = table[table["panel"] == f"{side} calibration"]
        points = reliability_points(sides[side])
        assert found["images"].sum() == 40 * (3 if task == "multilabel" else 1)
        np.testing.assert_allclose(found["probability"], [point["confidence"] for point in points], atol=1e-4)
        np.testing.assert_allclose(found["share_of_positives"], [point["frequency"] for point in points], atol=1e-4)


def test_confusion_of_one_label_an_image(make_results: Callable[..., Results], tmp_path: Path) -> None:
    results = make_results(strategies=("full",), task="multiclass")
    made = predictions_of(results.cells[0], results)
    matrix = confusion_matrix(made.labels.argmax(axis=1), made.scores.argmax(axis=1))
    names = results.subject.classes
    counts = {true: dict(zip(names, row, strict=True)) for true, row in zip(names, matrix.tolist(), strict=True)}
    counts["Hernia"] = dict.fromkeys(names, 0)  # no test image of it
    results.cells[0].metrics["confusion"] = counts
    table = written(results, tmp_path / "plots")["confusion"].set_index(["true", "given"])
    assert len(table) == 6
    assert table.loc[("Mass", "Effusion"), "images"] == matrix[0, 1]
    assert table.loc[("Mass", "Mass"), "share"] == pytest.approx(matrix[0, 0] / matrix[0].sum(), abs=1e-4)


def test_decisions_of_several_labels_an_image(make_results: Callable[..., Results], tmp_path: Path) -> None:
    results = make_results(strategies=("full",))
    details = results.cells[0].details
    table = written(results, tmp_path / "plots")["confusion"].set_index(["true", "given"])
    positives = (predictions_of(results.cells[0], results).labels == 1).sum(axis=0)
    for name, with_it in zip(results.subject.classes, positives, strict=True):
        assert table.loc[(name, "found"), "images"] + table.loc[(name, "missed"), "images"] == with_it
        assert table.loc[(name, "found"), "share"] == pytest.approx(details["fitted"]["recall"][name], abs=1e-4)
        rightly = table.loc[(name, "rightly left out"), "share"]
        assert rightly == pytest.approx(details["fitted"]["specificity"][name], abs=1e-4)
    assert table["images"].sum() == 3 * 40


def test_folds_are_added_up_and_calibrated_by_themselves(make_results: Callable[..., Results], tmp_path: Path) -> None:
    results = make_results(strategies=("full",))
    first = results.cells[0]
    second = dataclasses.replace(first, cell=dataclasses.replace(first.cell, fold=2))
    pooled = dataclasses.replace(first, details={}, folds=(first, second))
    tables = written(dataclasses.replace(results, cells=(pooled,)), tmp_path / "plots")
    assert tables["confusion"]["images"].sum() == 2 * 3 * 40
    assert list(tables["calibration"]["cell"].unique()) == ["resnet18-full-0", "resnet18-full.fold2-0"]


def test_a_class_without_a_threshold_has_no_decisions(make_results: Callable[..., Results], tmp_path: Path) -> None:
    results = make_results(strategies=("full",))
    details = json.loads(json.dumps(results.cells[0].details))
    details["thresholds"]["by_class"]["Mass"]["threshold"] = None
    cell = dataclasses.replace(results.cells[0], details=details)
    tables = written(dataclasses.replace(results, cells=(cell,)), tmp_path / "plots")
    assert set(tables["confusion"]["true"]) == {"Effusion", "Hernia"}
    for name in ("Effusion", "Hernia"):
        details["thresholds"]["by_class"][name]["threshold"] = None
    tables = written(dataclasses.replace(results, cells=(cell,)), tmp_path / "plots")
    assert list(tables["confusion"]) == ["cell", "true", "given", "images", "share"]


@pytest.mark.parametrize("name", list(AXES))
@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_templates_overlay_cells_and_revisions(
    make_results: Callable[..., Results], tmp_path: Path, name: str, task: str
) -> None:
    results = make_results(task=task, classes=("<b>|x", "Effusion", "No. [1]"))
    template, x, y = AXES[name]
    rows = written(results, tmp_path / "plots")[name].astype(str).to_dict("records")
    data = [{**row, "rev": rev} for rev in ("workspace", "HEAD") for row in rows]
    plot = VegaRenderer(data, name, template=template, template_dir=str(TEMPLATES), x=x, y=y).get_filled_template()
    assert "<DVC_METRIC" not in json.dumps(plot)
    drawn = {(row["rev"], row["cell"]) for row in plot["data"]["values"]}
    assert drawn == {(rev, str(result.cell)) for rev in ("workspace", "HEAD") for result in results.cells}
    encoding = plot["spec"]["encoding"]
    assert (encoding["x"]["field"], encoding["y"]["field"]) == (x, y)
    if template == "panels":
        assert (encoding["color"]["field"], encoding["strokeDash"]["field"]) == ("cell", "rev")
        assert encoding["order"] == {"value": None}  # a curve goes through its points as they stand in the table
        assert plot["facet"]["sort"] == []  # as in the table: the macro average first
    else:
        assert (plot["facet"]["row"]["field"], plot["facet"]["column"]["field"]) == ("cell", "rev")


def test_dvc_draws_them(make_results: Callable[..., Results], tmp_path: Path) -> None:
    write_plots(make_results(), tmp_path / "reports/plots")
    plots: list[dict[str, Any]] = [
        {name: {"template": template, "x": x, "y": {f"reports/plots/{name}.csv": y}}}
        for name, (template, x, y) in AXES.items()
    ]
    (tmp_path / "dvc.yaml").write_text(json.dumps({"plots": plots}))
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    subprocess.run(["dvc", "init", "--no-scm", "--quiet"], cwd=tmp_path, env=environment, check=True)
    shutil.copytree(TEMPLATES, tmp_path / ".dvc/plots", dirs_exist_ok=True)
    shown = subprocess.run(
        ["dvc", "plots", "show", "--json"], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    found = json.loads(shown.stdout)
    assert set(found["data"]) == set(AXES)
    assert "errors" not in found
    for name, (_, x, y) in AXES.items():
        content = found["data"][name][0]["content"]
        assert content["spec"]["encoding"]["x"]["field"] == x
        assert content["spec"]["encoding"]["y"]["field"] == y
        rows = content["data"]["values"]
        assert {row["cell"] for row in rows} == {f"resnet18-{strategy}-0" for strategy in ("frozen", "partial", "full")}
