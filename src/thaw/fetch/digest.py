"""Digests of files, stopped when asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

BLOCK_BYTES = 1024**2


def digest_like(wanted: str, path: Path, read: Callable[[int], None]) -> str:
    """Return the digest of a whole file in the form of ``wanted``: equal to it if this is the file.

    Args:
        wanted: ``sha256:`` or ``md5:`` and hexadecimal digits, all or the first ones.
        path: The file.
        read: Called with the number of bytes after each block; may raise to stop the reading.
    """
    algorithm, digits = wanted.split(":")
    # MD5 is what some publishers give: good against damage on the way, not against forgery
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            read(len(block))
    return f"{algorithm}:{digest.hexdigest()[: len(digits)]}"
