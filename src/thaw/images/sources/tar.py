"""An uncompressed .tar: members are reached directly, by their offsets."""

from __future__ import annotations

from thaw.images.sources.archive import ArchiveSource, incomplete
from thaw.images.sources.forward import PlainFile
from thaw.images.sources.rules import check_size
from thaw.images.sources.tar_listing import Extent, list_tar


class TarSource(ArchiveSource[Extent]):
    """Members of an uncompressed .tar."""

    def _list(self) -> None:
        with PlainFile(self.path) as content:
            listing = list_tar(content, self.path)
        if listing.broken and not listing.members:
            raise incomplete(self.path, "tar", listing.broken)
        self._members, self._defects = listing.members, listing.defects()

    def _content(self, name: str) -> bytes:
        offset, size = self._members[name]
        check_size(size)
        content = self._read_at(offset, size)
        if len(content) < size:
            raise EOFError(f"{len(content):,} bytes instead of {size:,}")
        return content
