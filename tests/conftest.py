"""What tests of several folders need: folders and archives made of given files."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Pack = Callable[[str, Mapping[str, bytes]], Path]


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Write files as a "folder", a "zip" or a "tar"; return its path."""

    def pack(kind: str, files: Mapping[str, bytes]) -> Path:
        path = tmp_path / f"set.{kind}"
        if kind == "zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, content in files.items():
                    archive.writestr(name, content)
        elif kind == "tar":
            with tarfile.open(path, "w") as archive:
                for name, content in files.items():
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
        else:
            for name, content in files.items():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_bytes(content)
        return path

    return pack
