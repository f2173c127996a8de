"""Folders as doctor finds them: thaw's own repository in small, under Git and DVC."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
IDENTITY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"} | {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "A Newcomer"), ("EMAIL", "newcomer@example.org"))
}


def git(folder: Path, *arguments: str, check: bool = True) -> None:
    command = ["git", "-C", str(folder), *arguments]
    subprocess.run(command, env={**os.environ, **IDENTITY}, capture_output=True, check=check)


def make_repository(folder: Path) -> Path:
    """As after git clone and make: committed, nothing run."""
    (folder / ".dvc").mkdir()
    for name in ("dvc.yaml", "params.yaml", "pyproject.toml", ".dvc/config", ".dvc/.gitignore", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "start")
    return folder
