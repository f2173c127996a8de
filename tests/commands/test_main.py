"""The dispatcher: it knows its commands and imports only the one that is asked for."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from thaw.__main__ import COMMANDS, main

ROOT = Path(__file__).parents[2]


def test_every_command_has_a_module_with_main_and_stands_in_the_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["thaw", "--help"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for command in COMMANDS:
        assert callable(importlib.import_module(f"thaw.commands.{command}").main)
        assert f"\n  {command}  " in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["thaw", command, "--help"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m thaw {command} ")


@pytest.mark.parametrize("arguments", [[], ["recipes"]])
def test_a_missing_or_unknown_command_is_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["thaw", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "recipe" in capsys.readouterr().err


def test_recipe_does_not_wait_for_torch() -> None:
    code = "import sys; from thaw.__main__ import main; main(); assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code, "recipe"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
