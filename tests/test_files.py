from __future__ import annotations

from pathlib import Path

import pytest

from thaw.files import read_json, replacing, write_json, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    write_text(target, "old")

    def fail_half_way() -> None:
        with replacing(target) as path:
            path.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="full"):
        fail_half_way()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".model.part").mkdir()
    (tmp_path / ".model.part/half").touch()
    with replacing(tmp_path / "model") as path:
        path.mkdir()
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "stale").touch()
    with replacing(target) as path:
        path.mkdir()
        (path / "fresh").touch()
    assert [file.name for file in target.iterdir()] == ["fresh"]
    assert list(tmp_path.iterdir()) == [target]


def test_json_comes_back_and_refuses_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": None, "a": 1.5})
    assert read_json(tmp_path / "a.json") == {"b": None, "a": 1.5}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"b": float("nan")})
    assert read_json(tmp_path / "a.json") == {"b": None, "a": 1.5}
