from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.planning.made import tiny_content
from thaw.__main__ import main
from thaw.cells import Cell
from thaw.commands.plan import results_of
from thaw.errors import UserError


def write_params(folder: Path, **changes: Any) -> None:
    YAML().dump(tiny_content(**changes), folder / "params.yaml")


def run_plan(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["thaw", "plan"])
    main()


def test_the_whole_grid_is_predicted_and_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(tmp_path, compared=["frozen", "frozen", "frozen"], strategy="frozen", seeds=[0, 1])
    run_plan(monkeypatch, tmp_path)
    shown = capsys.readouterr().out
    assert "40 images (28 to train on, 6 validation, 6 test), as dataset.phantom.images says" in shown
    assert "fp32, in " in shown
    stages = re.findall(r"^\| (.*?) +\| ([^|]*?) +\|", shown, re.MULTILINE)
    assert [stage for stage, _ in stages[1:]] == [
        "download (draw)", "labels, split, inspect", "preprocess", "weights, probe resnet18", "train resnet18-frozen-0",
        "train resnet18-frozen-1", "kept activations", "predict resnet18-frozen-0", "predict resnet18-frozen-1",
        "evaluate", "package", "gallery, explain", "embeddings", "compare", "**all**",
    ]  # fmt: skip
    for stage, time in stages[1:]:
        assert re.fullmatch(r"[\d.]+ s|\d+ min \d+ s", time) or stage == "kept activations", stage
    assert "for running everything" in shown
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_data_that_are_not_there_are_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_params(tmp_path, dataset__name="nih", dataset__path="data/raw/nih", dataset__download="nih")
    with pytest.raises(UserError, match="data/raw/nih is not there yet; run dvc repro labels first"):
        run_plan(monkeypatch, tmp_path)


def test_results_that_are_there_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done, half = Cell("resnet18", "full", 0), Cell("resnet18", "full", 1, fold=2)
    for path in (
        done.model_folder / "weights.safetensors", done.train_folder / "cost.json",
        done.predict_folder / "predictions.csv", half.model_folder / "weights.safetensors",
        half.evaluate_folder / "metrics.json",
    ):  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert list(results_of([done, half])) == ["train resnet18-full-0", "predict resnet18-full-0"]
