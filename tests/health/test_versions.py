"""DVC, its cache and remote, and Git, in real folders that are as they should be, and broken."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.health.made import git, make_repository
from thaw.health.finding import Finding, ok
from thaw.health.versions import check_cache, check_dvc, check_git, check_remote, read_config


@pytest.fixture(autouse=True)
def _nobodys_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither Git's nor DVC's own settings of whoever runs the tests."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "nobody"))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "thaw").mkdir()
    return make_repository(tmp_path / "thaw")


def config_of(folder: Path, local: str = "") -> dict[str, Any]:
    (folder / ".dvc/config.local").write_text(local)
    config = read_config(folder)
    assert config is not None
    return config


def test_a_clone_is_ready(repository: Path) -> None:
    found = check_dvc(repository, read_config(repository))
    assert found.kind == "ok"
    assert found.what.startswith("DVC 3.")
    assert check_git(repository) == ok("all is committed")


def test_a_folder_without_dvc_is_told(tmp_path: Path) -> None:
    assert read_config(tmp_path) is None
    found = check_dvc(tmp_path, None)
    assert (found.kind, found.what) == ("problem", "no .dvc and no dvc.yaml here")


def test_a_broken_configuration_is_told(repository: Path) -> None:
    for text in ("[core\n", "[core]\n    no_such_key = 1\n"):
        (repository / ".dvc/config").write_text(text)
        found = check_dvc(repository, read_config(repository))
        assert (found.kind, found.what) == ("problem", ".dvc/config cannot be read")


def test_a_missing_program_is_told(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    assert check_dvc(repository, read_config(repository)).what == "the command dvc is not found"
    assert check_git(repository).what == "the command git is not found"


def test_the_cache_tries_its_links_on_this_disk(repository: Path, tmp_path: Path) -> None:
    before = sorted(repository.rglob("*"))
    assert check_cache(repository, config_of(repository)).what.startswith(("copies: ", "reflinks: "))
    hard = check_cache(repository, config_of(repository, "[cache]\n    type = hardlink\n"))
    assert (hard.kind, hard.mend) == ("warning", "dvc config cache.type reflink,copy")
    soft = check_cache(repository, config_of(repository, f"[cache]\n    type = symlink\n    dir = {tmp_path}\n"))
    assert soft.what == "symlinks: who writes into a result writes into the cache"
    assert [path for path in sorted(repository.rglob("*")) if path.name != "config.local"] == before


def test_a_cache_on_another_disk_has_no_hard_links(repository: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == repository.stat().st_dev:
        pytest.skip("there is one disk here")
    found = check_cache(repository, config_of(repository, f"[cache]\n    type = hardlink\n    dir = {other}/cache\n"))
    assert (found.kind, found.what) == ("problem", "cache.type is hardlink, and this disk has none of them")


@pytest.mark.parametrize(
    ("local", "kind", "what"),
    [
        ("", "warning", "no DVC remote: results are on this disk alone"),
        ("['remote \"a\"']\n    url = s3://bucket/x\n", "warning", "no default among the remotes a"),
        ("[core]\n    remote = b\n['remote \"a\"']\n    url = /x\n", "problem", "the default remote b is not defined"),
        ("[core]\n    remote = a\n['remote \"a\"']\n    url = /no/such/disk\n", "warning",
         "remote a: /no/such/disk is not there"),
        ("[core]\n    remote = a\n['remote \"a\"']\n    url = https://example.org/x\n", "ok",
         "remote a (https); not contacted, dvc status --cloud does it"),
        ("[core]\n    remote = a\n['remote \"a\"']\n    url = gdrive://x/y\n", "problem",
         "remote a (gdrive): its plugin is missing"),
    ],
)  # fmt: skip
def test_remotes(repository: Path, local: str, kind: str, what: str) -> None:
    found = check_remote(config_of(repository, local))
    assert (found.kind, found.what) == (kind, what)


def test_a_remote_folder_is_there(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "storage").mkdir()
    local = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../../storage\n"
    assert check_remote(config_of(repository, local)) == ok(f"remote storage: {tmp_path / 'storage'}")


def test_changes_since_the_last_commit_are_counted(repository: Path) -> None:
    (repository / "params.yaml").write_text("")
    (repository / "new").touch()
    assert check_git(repository) == ok("2 files not as in the last commit")


def test_a_folder_without_git_or_commit_is_told(repository: Path) -> None:
    shutil.rmtree(repository / ".git")
    found = check_git(repository)
    assert (found.kind, found.mend) == ("problem", "git init && git add -A && git commit -m start")
    assert "not a git repository" in found.what
    git(repository, "init", "-q")
    expected = Finding("warning", "no commit yet, and dvc exp run needs one", "git add -A && git commit -m start")
    assert check_git(repository) == expected


def test_an_unfinished_merge_is_told(repository: Path) -> None:
    for branch, text in (("other", "a\n"), ("main", "b\n")):
        git(repository, "checkout", "-q", "-B", branch, "main" if branch == "main" else "HEAD")
        (repository / "dvc.lock").write_text(text)
        git(repository, "add", "dvc.lock")
        git(repository, "commit", "-q", "-m", branch)
    git(repository, "merge", "other", check=False)
    found = check_git(repository)
    assert (found.kind, found.what) == ("problem", "a merge is not finished: dvc.lock")
    assert found.mend == "git checkout --ours dvc.lock, then dvc repro"
