"""Images where they lie: a folder, a .zip, a .tar or a .tar.gz seen as one thing; nothing is unpacked."""

from __future__ import annotations

from pathlib import Path

from thaw.errors import UserError
from thaw.images.sources.archives import open_archive
from thaw.images.sources.folder import FolderSource
from thaw.images.sources.rules import MemberError
from thaw.images.sources.source import ALLOWED, ImageSource

__all__ = ["ImageSource", "MemberError", "open_source"]


def open_source(path: Path) -> ImageSource:
    """Open a folder, a .zip, or a .tar that may be compressed; raise UserError where ``path`` is none of them.

    A compressed .tar is inflated once, to list it; a folder is walked by ``names``, not here.
    """
    try:
        if path.is_dir():
            return FolderSource(path)
        if not path.exists():
            raise UserError(f"{path}: no such file or folder; {ALLOWED}")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {ALLOWED}") from error
    if not path.is_file():
        raise UserError(f"{path}: neither a file nor a folder; {ALLOWED}")
    return open_archive(path)
