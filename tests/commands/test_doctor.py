"""python -m thaw doctor: its lines, its exit code, its speed, and that it speaks where packages are missing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.health.made import make_repository
from thaw.commands.doctor import main
from thaw.errors import UserError

SUBJECTS = ["Python", "packages", "optional", "processors", "device", "DVC", "cache", "remote", "Git", "parameters",
            "X-rays", "weights", "disk", "writing"]  # fmt: skip


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_repository(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / ".git/nobody"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def subjects(output: str) -> dict[str, str]:
    """The kind of finding by subject, and that each has one line."""
    rows = [line.split(maxsplit=2) for line in output.splitlines()]
    assert len({row[1] for row in rows}) == len(rows)
    return {subject: kind for kind, subject, _ in rows}


def test_a_clone_has_no_problem(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path for path in repository.rglob("*") if ".git" not in path.parts)
    main([])
    found = subjects(capsys.readouterr().out)
    assert list(found) == SUBJECTS
    assert "problem" not in found.values()
    assert sorted(path for path in repository.rglob("*") if ".git" not in path.parts) == before


def test_a_problem_is_told_at_its_line_and_at_the_end(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (repository / "params.yaml").read_text().replace("name: phantom", "name: nih", 1)
    (repository / "params.yaml").write_text(text)
    (repository / "models").touch()
    with pytest.raises(UserError, match=r"2 to mend before the pipeline runs: X-rays, writing$"):
        main([])
    found = subjects(capsys.readouterr().out)
    assert [subject for subject, kind in found.items() if kind == "problem"] == ["X-rays", "writing"]


def test_wrong_parameters_do_not_hide_the_rest(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "params.yaml").write_text("dataset: 1\n")
    with pytest.raises(UserError, match=r"1 to mend before the pipeline runs: parameters$"):
        main([])
    found = subjects(capsys.readouterr().out)
    assert list(found) == [subject for subject in SUBJECTS if subject not in ("X-rays", "weights")]


def test_elsewhere_everything_is_one_line_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UserError, match="DVC, Git, parameters"):
        main([])
    assert list(subjects(capsys.readouterr().out)) == [
        "processors",
        "device",
        "DVC",
        "Git",
        "parameters",
        "disk",
        "writing",
    ]


def test_it_speaks_where_a_package_is_missing_and_is_fast(repository: Path) -> None:
    code = "import sys; sys.modules['pydantic'] = None; from thaw.__main__ import main, run; run(main)"
    command = [sys.executable, "-c", code, "doctor"]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert subjects(done.stdout)["Python"] == "ok"
    assert subjects(done.stdout)["imports"] == "problem"
    assert time.perf_counter() - started < 20
