"""What an import brings, and how it is judged."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench import start_up
from bench.measure import Spread


def test_an_import_is_measured_in_a_new_process() -> None:
    plain, fancy = start_up.started("sys"), start_up.started("xml.dom.minidom")
    assert 0 < plain.seconds < 30
    assert fancy.modules - plain.modules >= {"xml.dom.minidom", "xml.dom"}
    # this process has long imported it
    assert "pytest" not in plain.modules


def test_heavy_packages_are_named_as_wholes_and_in_order() -> None:
    modules = {"pandas", "pandas.core", "torch._C", "torch", "torchmetrics", "timm_like", "json"}
    assert start_up.heavy(modules) == ["torch", "pandas"]
    assert start_up.heavy({"torchmetrics"}) == []


def test_all_stages_are_measured() -> None:
    assert start_up.stage_names() == [
        "compare", "download", "embeddings", "evaluate", "explain", "external", "external_data", "gallery", "inspect",
        "labels", "package", "predict", "preprocess", "probe", "shortcuts", "split", "train", "weights",
    ]  # fmt: skip
    assert set(start_up.NEED_TORCH) <= set(start_up.stage_names())


@pytest.mark.parametrize(
    ("stage", "packages", "torch"),
    [("split", ["pandas"], "no"), ("split", ["torch", "pandas"], "**needless**"), ("train", ["torch"], "needed")],
)
def test_torch_where_it_is_not_needed_is_told(stage: str, packages: list[str], torch: str) -> None:
    row = start_up.stage_row(stage, Spread((1.0, 3.0, 2.5)), Spread((0.5, 0.5, 0.5)), packages)
    assert row == [
        stage, "1.25 (0.50 to 1.50)", "2: **missed**", "2.50 (1.00 to 3.00)", "5.0 (2.0 to 6.0)", torch,
        ", ".join(packages),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [(0, "{}", True), (0, '{"split": [{"changed outs": {}}]}', False), (1, "", False), (0, "", False)],
)
def test_only_a_pipeline_without_changes_is_run(
    monkeypatch: pytest.MonkeyPatch, code: int, status: str, expected: bool
) -> None:
    def answer(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, code, status, "")

    monkeypatch.setattr(start_up.subprocess, "run", answer)  # type: ignore[attr-defined]
    assert start_up.up_to_date() is expected


def test_what_has_nothing_to_do_is_measured_on_a_pipeline_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_up, "up_to_date", lambda: False)
    table = start_up.nothing_to_do(1)
    assert [row[0] for row in table.rows] == ["dvc repro --single-item split"]
    assert table.note == (
        "split: of 40 phantoms. Rounds: 1, median. "
        "All stages are not measured: this folder's pipeline has not been run, or has changed."
    )


def test_a_pipeline_that_runs_something_is_no_measure(tmp_path: Path) -> None:
    start_up.run_dvc(tmp_path, "init", "--no-scm", "--quiet")
    (tmp_path / "dvc.yaml").write_text("stages: {hello: {cmd: echo hello}}\n")
    with pytest.raises(RuntimeError, match="found something to do: Running stage 'hello'"):
        start_up.repro(tmp_path)
    with pytest.raises(RuntimeError, match="dvc repro nothing: ERROR"):
        start_up.repro(tmp_path, "nothing")


NETWORKS = {"torch", "torchvision", "timm", "safetensors.torch"}
DRAW = ("compare", "inspect")


@pytest.mark.parametrize("stage", start_up.stage_names())
def test_a_stage_imports_what_it_needs_and_nothing_heavy_beside(stage: str) -> None:
    modules = start_up.started(f"thaw.stages.{stage}").modules
    # each backbone's library is imported where one of its networks is built
    unwanted = {"torchvision", "timm", "sklearn"}
    unwanted |= set() if stage in start_up.NEED_TORCH else NETWORKS
    unwanted |= set() if stage in DRAW else {"matplotlib"}
    unwanted |= set() if stage == "train" else {"dvclive"}
    assert f"thaw.stages.{stage}" in modules
    assert modules & unwanted == set()


def test_reading_the_prepared_data_needs_no_torch() -> None:
    """So that what is wrong with them can be told before two seconds of importing torch."""
    assert start_up.started("thaw.prepared").modules & NETWORKS == set()
