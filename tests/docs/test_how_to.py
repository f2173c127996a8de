"""The worked examples of docs/how-to: what they say is done in a copy of thaw, and what they promise comes out."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT, apply, blocks, changed, commands, copy_of_thaw
from thaw.backbones.catalog import ARCHITECTURES
from thaw.commands.strategies import main as print_strategies
from thaw.params.read import read_params

HOW_TO = ROOT / "docs/how-to"
DETAILS = """
import json
from pathlib import Path

import numpy as np
import pandas as pd

import thaw.evaluation
from thaw.evaluation.assessment import assess
from thaw.evaluation.predictions import Predictions
from thaw.params.read import read_params


def test_it_stands_in_details_and_metrics_of_made_predictions():
    assert Path(thaw.evaluation.__file__).is_relative_to(Path.cwd())
    random = np.random.default_rng(0)
    labels = np.eye(2, dtype=np.int8)[np.arange(60) % 2]
    patients = np.arange(60).astype(str).astype(object)
    made = Predictions(patients, patients, labels, labels + random.normal(size=labels.shape), ("a", "b"), "multilabel")
    empty = pd.array([pd.NA] * 60, dtype="Int64")
    nobody = pd.DataFrame({"sex": [""] * 60, "age": empty, "view": [""] * 60, "follow_up": empty})
    settings = read_params("evaluate").evaluate
    conformal = settings.conformal.model_copy(update={"repeats": 5})
    found = assess(made, made, nobody, settings.model_copy(update={"resamples": 100, "conformal": conformal}))
    name = "negative_predictive_value"
    for part in ("metrics", "fitted"):
        assert set(found.details[part][name]) == {"a", "b"}
        assert 0 < found.details[part][f"{name}_macro"] <= 1
    assert found.headline[f"{name}_macro"] == found.details["metrics"][f"{name}_macro"]
    json.dumps(found.headline, allow_nan=False)
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copy_of_thaw(tmp_path)


def run_tests(copy: Path) -> str:
    """The tests that a page brings, against the copy; plugins of pytest would take longer than they do."""
    environment = {
        **os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }  # fmt: skip
    options = ("-q", "--import-mode=importlib", "-p", "no:cacheprovider", f"--rootdir={copy}")
    command = [sys.executable, "-m", "pytest", *options, "tests"]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def load_module(name: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def shown(page: str, command: str) -> str:
    """The output that a page shows of a command."""
    found = [output for block in blocks(HOW_TO / page) for given, output in commands(block) if given == command]
    assert len(found) == 1, f"{page} shows {command} {len(found)} times"
    return found[0]


def test_a_dataset_is_read_by_its_name(copy: Path) -> None:
    apply(HOW_TO / "add-a-dataset.md", copy)
    assert "4 passed" in run_tests(copy)


def test_a_backbone_is_cut_into_its_blocks(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    apply(HOW_TO / "add-a-backbone.md", copy)
    catalog = load_module("changed_catalog", copy / "src/thaw/backbones/catalog.py", monkeypatch)
    (added,) = catalog.ARCHITECTURES.keys() - ARCHITECTURES.keys()
    monkeypatch.setitem(ARCHITECTURES, added, catalog.ARCHITECTURES[added])
    monkeypatch.chdir(copy)
    print_strategies(["partial", "--model", added])
    command = f"python -m thaw strategies partial --model {added}"
    assert capsys.readouterr().out.strip() == shown("add-a-backbone.md", command).strip()
    assert read_params("weights").weights[added] == "imagenet"


def test_a_strategy_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    apply(HOW_TO / "add-a-strategy.md", tmp_path)
    monkeypatch.chdir(tmp_path)
    print_strategies(["careful"])
    assert capsys.readouterr().out.strip() == shown("add-a-strategy.md", "python -m thaw strategies careful").strip()


def test_a_metric_is_measured(copy: Path) -> None:
    apply(HOW_TO / "add-a-metric.md", copy)
    (copy / "tests/evaluation/test_details.py").write_text(DETAILS, encoding="utf-8")
    assert "3 passed" in run_tests(copy)


def test_every_page_is_tried_here() -> None:
    tried = {"add-a-dataset.md", "add-a-backbone.md", "add-a-strategy.md", "add-a-metric.md"}
    assert {page.name for page in HOW_TO.iterdir()} == tried


def test_a_change_must_fit_exactly_one_place() -> None:
    assert changed("a\nb\nc\n", " a\n-b\n+B\n@@\n c\n+d\n") == "a\nB\nc\nd\n"
    for wrong in (" x\n+y\n", " a\n+y\n"):
        with pytest.raises(AssertionError, match="not one"):
            changed("a\nb\na\n", wrong)
