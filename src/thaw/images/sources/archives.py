"""Which files are archives, by name and by content, and opening them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from thaw.errors import UserError
from thaw.images.sources.archive import ArchiveSource
from thaw.images.sources.compressed_tar import CompressedTarSource
from thaw.images.sources.inflated import is_compressed
from thaw.images.sources.source import ALLOWED
from thaw.images.sources.tar import TarSource
from thaw.images.sources.zip import ZipSource

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")  # a member, or the end of an empty archive
MAGIC_BYTES = 6


def archive_stem(name: str) -> str | None:
    """Return a file name without its archive suffix; None where it has none.

    >>> archive_stem("images_001.tar.gz")
    'images_001'
    """
    lower = name.lower()
    if not lower.endswith(SUFFIXES):
        return None
    return next(name[: -len(suffix)] for suffix in SUFFIXES if lower.endswith(suffix))


def is_streamed(path: Path) -> bool:
    """Tell by a file's first bytes whether its members can only be reached from its start."""
    return is_compressed(_start(path))


def open_archive(path: Path) -> ArchiveSource[Any]:
    """Open an archive by what its first bytes say, else by its name; raise UserError where it is none."""
    try:
        start = _start(path)
        if is_compressed(start):
            return CompressedTarSource(path)
        is_zip = start.startswith(ZIP_STARTS) or path.suffix.lower() == ".zip"
        return ZipSource(path) if is_zip else TarSource(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {ALLOWED}") from error


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAGIC_BYTES)
