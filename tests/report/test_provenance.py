"""Where a report comes from, told from real repositories."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from thaw.report.provenance import locked_hashes, provenance

LOCK = """
schema: '2.0'
stages:
  labels:
    cmd: python -m thaw.stages.labels
    deps:
    - {path: data/raw, md5: aaaa.dir}
    outs:
    - {path: data/labels.csv, hash: md5, md5: bbbb, size: 3}
    - {path: data/lists, hash: md5, size: 3}
  weights@resnet18:
    outs:
    - {path: models/pretrained/resnet18.safetensors, md5: cccc}
  train@resnet18-full-0:
    outs:
    - {path: models/trained/resnet18/full/0, md5: dddd.dir}
"""


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "reports").mkdir()
    for name in ("params.yaml", "dvc.lock", "reports/metrics.json", "röntgen bild.py"):
        (tmp_path / name).write_text("a")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_only_data_and_pretrained_weights_of_the_lock_are_told(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text(LOCK)
    expected = {"data/labels.csv": "bbbb", "models/pretrained/resnet18.safetensors": "cccc"}
    assert locked_hashes(tmp_path / "dvc.lock") == expected
    assert locked_hashes(tmp_path / "none.lock") == {}
    (tmp_path / "dvc.lock").write_text("no lock")
    assert locked_hashes(tmp_path / "dvc.lock") == {}


def test_a_clean_tree_is_that_of_its_commit(repository: Path) -> None:
    for name in ("dvc.lock", "reports/metrics.json"):  # written by the pipeline itself
        (repository / name).write_text("{}")
    (repository / "untracked.txt").write_text("b")
    made = provenance("dvc repro", repository)
    assert made.commit == git(repository, "rev-parse", "HEAD")
    assert made.changed == ()
    assert made.command == "dvc repro"
    assert made.versions["python"] == sys.version.split()[0]
    assert {"torch", "numpy", "dvc", "thaw"} <= set(made.versions)


def test_changed_files_are_named(repository: Path) -> None:
    for name in ("params.yaml", "röntgen bild.py"):
        (repository / name).write_text("b")
    assert provenance("dvc repro", repository).changed == ("params.yaml", "röntgen bild.py")


def test_without_git_the_commit_is_unknown(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    made = provenance("dvc repro", repository)
    assert (made.commit, made.changed) == (None, None)
