"""What tests of several folders need: folders and archives made of given files."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Pack = Callable[..., Path]
TAR_MODES = {"tar": "w", "tar.gz": "w:gz", "tgz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Write files as a "folder", a "zip" or a "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz"; return its path.

    The path is ``<name>.<kind>`` below the test's folder; a name may have folders.
    """

    def pack(kind: str, files: Mapping[str, bytes], name: str = "set") -> Path:
        path = tmp_path / f"{name}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "zip":
            _pack_zip(path, files)
        elif kind in TAR_MODES:
            _pack_tar(path, files, TAR_MODES[kind])
        else:
            for file, content in files.items():
                (path / file).parent.mkdir(parents=True, exist_ok=True)
                (path / file).write_bytes(content)
        return path

    return pack


def _pack_zip(path: Path, files: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def _pack_tar(path: Path, files: Mapping[str, bytes], mode: str) -> None:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
