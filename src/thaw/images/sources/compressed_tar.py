"""A .tar.gz, .tar.bz2 or .tar.xz: read from its start, never unpacked to disk."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from tarfile import TarError

from thaw.images.sources.archive import ArchiveSource, incomplete
from thaw.images.sources.inflated import InflatedFile
from thaw.images.sources.rules import MemberError, check_size
from thaw.images.sources.source import DAMAGED, damaged, missing
from thaw.images.sources.tar_listing import Extent, list_tar


class CompressedTarSource(ArchiveSource[Extent]):
    """Members of a compressed .tar; opening it inflates it once, to know which of two members is the last."""

    def _list(self) -> None:
        with InflatedFile(self.path) as content:
            listing = list_tar(content, self.path)
        if listing.broken and not listing.members:
            raise incomplete(self.path, "compressed tar", listing.broken)
        self._members, self._defects = listing.members, listing.defects()

    def stream(self, names: Iterable[str]) -> Generator[tuple[str, bytes | MemberError]]:
        """Yield each of ``names`` once in the archive's order: one pass, which stops after the last of them."""
        asked = dict.fromkeys(names)
        yield from ((name, missing()) for name in asked if name not in self._members)
        held = sorted((self._members[name].offset, name) for name in asked if name in self._members)
        try:
            content = InflatedFile(self.path)
        except DAMAGED as error:
            yield from ((name, damaged(error)) for _, name in held)
            return
        with content:
            for _, name in held:
                yield name, _taken(content, self._members[name])

    def streamed_archive(self, name: str) -> str | None:  # noqa: ARG002, D102 - see ImageSource
        return str(self.path)

    def _content(self, name: str) -> bytes:
        with closing(self.stream([name])) as one:
            _, content = next(one)
        if isinstance(content, MemberError):
            raise content
        return content


def _taken(content: InflatedFile, place: Extent) -> bytes | MemberError:
    try:
        check_size(place.size)
        content.seek(place.offset)
        taken = content.take(place.size)
        if len(taken) < place.size:
            raise EOFError(f"{len(taken):,} bytes instead of {place.size:,}; the archive has changed")
    except MemberError as error:
        return error
    except (*DAMAGED, TarError) as error:
        return damaged(error)
    return taken
