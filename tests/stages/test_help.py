"""What each stage says of itself."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import pytest

import thaw.stages

STAGES = [module.name for module in pkgutil.iter_modules(thaw.stages.__path__)]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_says_what_it_reads_writes_and_promises(
    stage: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [stage, "--help"])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"thaw.stages.{stage}").main()
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(f"\n{word} " in said for word in ("Reads", "Writes", "Promises"))
