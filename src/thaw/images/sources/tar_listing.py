"""Which members a tar archive holds and where, read once and forward; compressed or not."""

from __future__ import annotations

import itertools
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple, cast

from thaw.images.sources import rules
from thaw.images.sources.forward import ForwardFile

# what tarfile raises on hostile headers
BROKEN = (tarfile.TarError, ValueError, LookupError, ArithmeticError, RecursionError, OSError)
SPARSE = "sparse files, left out"


class Extent(NamedTuple):
    """Where a member's bytes lie in the archive, uncompressed."""

    offset: int
    size: int


@dataclass
class TarListing:
    """The complete regular members by name; ``broken`` says where the archive stops being readable."""

    members: dict[str, Extent] = field(default_factory=dict)
    findings: rules.Findings = field(default_factory=rules.Findings)
    broken: str | None = None

    def defects(self) -> list[str]:
        """Return one line for each kind of finding."""
        broken = [f"broken {self.broken}; the {len(self.members):,} members before are used"] if self.broken else []
        return broken + self.findings.lines()


class _Headers(tarfile.TarFile):
    """The state that ``TarInfo.fromtarfile`` needs; ``TarFile`` itself hides where an archive is broken."""

    def next(self) -> None:
        return None


def list_tar(content: ForwardFile, path: Path) -> TarListing:
    """Read all headers; of two members with one name the last is kept, as tar does.

    Raises:
        UserError: More than five million members, or a file name that is not UTF-8.
    """
    listing = TarListing()
    place = "at its start"
    try:
        headers = _Headers(fileobj=cast("IO[bytes]", content), encoding="utf-8")
        for members in itertools.count(1):
            content.seek(headers.offset)
            header = tarfile.TarInfo.fromtarfile(headers)
            rules.check_count(members, path)
            place = f"in {header.name!r}"
            _add(listing, header, headers.offset, content, path)
            place = f"after {header.name!r}"
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # unknown to typeshed
        listing.broken = _after_the_end(content)
    except BROKEN as error:
        no_end = isinstance(error, tarfile.EmptyHeaderError)  # type: ignore[attr-defined]
        reason = "no end mark" if no_end else error
        listing.broken = f"{place}, {content.place()} ({content.trouble() or reason})"
    return listing


def _add(listing: TarListing, header: tarfile.TarInfo, end: int, content: ForwardFile, path: Path) -> None:
    """Keep a member that may be read and is there with all its bytes."""
    name = rules.kept_name(header.name, path)
    if header.isdir() or (name is None and not rules.is_unsafe(header.name)):
        return
    problem = _problem(header)
    if name is None or problem is not None:
        listing.findings.add(problem or rules.UNSAFE, header.name)
        return
    if not 0 <= header.size <= end - header.offset_data:
        raise tarfile.ReadError(f"a size of {header.size:,} bytes that cannot be")
    if content.skip(header.size) < header.size:
        raise tarfile.ReadError("cut off")
    if name in listing.members:
        listing.findings.add(rules.REPEATED, name)
    listing.members[name] = Extent(header.offset_data, header.size)


def _problem(header: tarfile.TarInfo) -> str | None:
    """Return why a member of this kind is refused; None for regular files."""
    if header.issym() or header.islnk():
        return rules.LINKS
    if header.sparse is not None or header.type == tarfile.GNUTYPE_SPARSE:
        return SPARSE
    return None if header.isreg() else rules.DEVICES


def _after_the_end(content: ForwardFile) -> str | None:
    """Read to the end, which checks a compressed archive's checksum; data after the end mark are a hole or a joint."""
    if content.data_follow():
        return f"by an end mark, {content.place()} (data follow)"
    trouble = content.trouble()
    return trouble and f"after its end mark, {content.place()} ({trouble})"
