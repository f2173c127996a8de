"""The dispatcher: it knows its commands and imports only the one that is asked for."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from thaw.__main__ import COMMANDS, main
from thaw.errors import UserError

ROOT = Path(__file__).parents[2]


def test_every_command_has_a_module_with_main_and_stands_in_the_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["thaw", "--help"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for command, what in COMMANDS.items():
        assert callable(importlib.import_module(f"thaw.commands.{command}").main)
        assert f"\n  {command}  " in shown
        assert what in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["thaw", command, "--help"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m thaw {command} ")


def test_an_unknown_command_is_named_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["thaw", "recipes", "--dry-run"])
    with pytest.raises(UserError) as caught:
        main()
    allowed = ", ".join(COMMANDS)
    assert str(caught.value) == f"there is no command 'recipes' (did you mean 'recipe'?); use one of {allowed}"


def test_a_wrong_command_is_one_line_and_exit_code_2() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "thaw", "docter"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("thaw: there is no command 'docter' (did you mean 'doctor'?)")
    assert done.stderr.count("\n") == 1


def test_without_a_command_there_is_an_overview(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["thaw"])
    main()
    assert "\nNext: " in capsys.readouterr().out


def test_recipe_the_overview_and_doctor_do_not_wait_for_torch() -> None:
    code = "import sys; from thaw.__main__ import main; main(); sys.argv[1:] = []; main(); "
    code += "import thaw.commands.doctor, thaw.health.data, thaw.health.disk, thaw.health.versions; "
    code += "assert 'torch' not in sys.modules"
    command = [sys.executable, "-c", code, "recipe"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
