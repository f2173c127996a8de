"""Where a report comes from: the command, the code, the data and the programs that made it."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

LOCK = Path("dvc.lock")
# the outs of stages that make data, and of the one that brings the networks
SOURCES = ("data/", "models/pretrained/")
PACKAGES = ("thaw", "torch", "torchvision", "timm", "numpy", "scikit-learn", "dvc")
# what the pipeline writes while it runs changes the tree, but not what was run
WRITTEN = ("dvc.lock", "reports")
PATIENCE = 30  # seconds for git


@dataclass(frozen=True)
class Provenance:
    """What made a report.

    Attributes:
        command: as it was typed.
        commit: of the code, 40 hexadecimal digits; None outside a Git repository.
        changed: tracked files that differ from the commit, but those that the pipeline itself writes; None as above.
        hashes: path → MD5 of the data and the pretrained weights, from dvc.lock; of a folder it ends in ``.dir``.
        versions: of Python and the packages that decide about figures, by name.
        system: operating system and processor.
        date: year-month-day, UTC.
    """

    command: str
    commit: str | None
    changed: tuple[str, ...] | None
    hashes: Mapping[str, str]
    versions: Mapping[str, str]
    system: str
    date: str


def provenance(command: str, folder: Path = Path()) -> Provenance:
    """What can be told of a report that is made now.

    Args:
        command: as it was typed.
        folder: of the project, where dvc.lock lies.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    return Provenance(
        command=command,
        commit=commit.strip() if commit else None,
        changed=_changed(folder) if commit else None,
        hashes=locked_hashes(folder / LOCK),
        versions={"python": platform.python_version(), **_versions()},
        system=platform.platform(),
        date=datetime.now(UTC).date().isoformat(),
    )


def locked_hashes(lock: Path) -> dict[str, str]:
    """Path → MD5 of the outs in a dvc.lock that are data or pretrained weights; empty where there is no such file."""
    if not lock.is_file():
        return {}
    # the C loader where there is one: the lock of a large grid has many thousand lines
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with lock.open(encoding="utf-8") as file:
        content = yaml.load(file, loader)  # noqa: S506 (both are safe)
    stages = content.get("stages", {}) if isinstance(content, dict) else {}
    outs = [out for stage in stages.values() for out in stage.get("outs", [])]
    return {out["path"]: out["md5"] for out in outs if out["path"].startswith(SOURCES) and "md5" in out}


def _changed(folder: Path) -> tuple[str, ...]:
    but = [f":(exclude){path}" for path in WRITTEN]
    told = _git(folder, "status", "--porcelain", "-z", "--untracked-files=no", "--no-renames", "--", ".", *but)
    # two letters and a space stand before each path
    return tuple(entry[3:] for entry in (told or "").split("\0") if entry)


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None where it is not installed, or has nothing to say here."""
    try:
        told = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, check=False, timeout=PATIENCE, text=True,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return told.stdout if told.returncode == 0 else None


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
