from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from thaw.command import arguments, run
from thaw.errors import UserError
from thaw.files import write_text


def test_options_are_whole_numbers_from_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["train", "resnet18", "--fold", "2"])
    assert vars(arguments("", "model", options=("fold", "subset"))) == {"model": "resnet18", "fold": 2, "subset": None}
    for wrong in ("0", "-1", "two"):
        monkeypatch.setattr(sys, "argv", ["train", "resnet18", f"--fold={wrong}"])
        with pytest.raises(SystemExit) as caught:
            arguments("", "model", options=("fold",))
        assert caught.value.code == 2
        assert f"argument --fold: '{wrong}' is no whole number from 1" in capsys.readouterr().err


def test_a_user_error_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise UserError("first\nsecond")

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == 2
    assert capsys.readouterr().err == "thaw: first second\n"


def test_an_interrupt_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == 130
    assert capsys.readouterr().err == "thaw: interrupted\n"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB, where this machine lets us mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("no right to mount a disk here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_one_line_and_leaves_the_old_file(small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = small_disk / "labels.csv"
    write_text(target, "whole\n")
    with pytest.raises(SystemExit) as caught:
        run(lambda: write_text(target, "x" * 1_000_000))
    assert caught.value.code == 2
    assert "No space left on device" in capsys.readouterr().err
    assert target.read_text() == "whole\n"
    assert [file.name for file in small_disk.iterdir()] == ["labels.csv"]


def test_a_read_only_disk_is_one_line(small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(SystemExit) as caught:
        run(lambda: write_text(small_disk / "labels.csv", "x"))
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_defect_keeps_its_traceback() -> None:
    def main() -> None:
        raise RuntimeError("ours")

    with pytest.raises(RuntimeError):
        run(main)


def test_success_is_exit_code_0() -> None:
    with pytest.raises(SystemExit) as caught:
        run(lambda: None)
    assert caught.value.code == 0
