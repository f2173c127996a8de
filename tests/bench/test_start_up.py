"""What an import brings, and how it is judged."""

from __future__ import annotations

import subprocess
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
        "compare", "download", "evaluate", "inspect", "labels", "preprocess", "split", "train", "weights"
    ]  # fmt: skip
    assert set(start_up.NEED_TORCH) <= set(start_up.stage_names())


@pytest.mark.parametrize(
    ("stage", "packages", "torch"),
    [("split", ["pandas"], "no"), ("split", ["torch", "pandas"], "**needless**"), ("train", ["torch"], "needed")],
)
def test_torch_where_it_is_not_needed_is_told(stage: str, packages: list[str], torch: str) -> None:
    row = start_up.stage_row(stage, Spread((1.0, 3.0, 2.5)), packages)
    assert row == [
        stage, "1.25 (0.50 to 1.50)", "2: **missed**", "2.50 (1.00 to 3.00)", torch, ", ".join(packages)
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


def test_a_pipeline_that_has_not_been_run_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_up, "up_to_date", lambda: False)
    table = start_up.pipeline(3)
    assert table.rows == []
    assert table.text() == (
        "### A pipeline with nothing to do\n\n"
        "Not measured: this folder's pipeline has not been run, or has changed since.\n"
    )
