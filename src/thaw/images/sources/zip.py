"""A .zip: members are reached directly, by its central directory, or by a scan where that is lost."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Iterable

from thaw.errors import UserError
from thaw.images.sources import rules
from thaw.images.sources.archive import ArchiveSource, incomplete
from thaw.images.sources.zip_member import ZipMember, read_member
from thaw.images.sources.zip_salvage import ENCRYPTED, salvage

# what zipfile raises on a directory that is cut or hostile
LOST = (zipfile.BadZipFile, NotImplementedError, ValueError, LookupError, OverflowError, struct.error)
ENTRY_BYTES = 46  # of the central directory, without the name (APPNOTE.TXT, section 4.3.12)
END, END_ZIP64, LOCATOR_ZIP64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
END_BYTES, END_ZIP64_BYTES, LOCATOR_BYTES, COMMENT_LIMIT_BYTES = 22, 56, 20, 0xFFFF
LOCKED = "encrypted members, left out"


class ZipSource(ArchiveSource[ZipMember]):
    """Members of a .zip; encrypted ones are left out.

    Raises:
        UserError: Nothing can be read, all is encrypted, members overlap, or there are more than five million.
    """

    def _list(self) -> None:
        size = self.path.stat().st_size
        rules.check_count(self._claimed_members(size), self.path)
        try:
            with zipfile.ZipFile(self.path) as archive:
                members = archive.infolist()
        except LOST as error:
            members = self._salvaged(error)
        packed = sum(member.compress_size for member in members)
        if packed > size:
            raise UserError(f"{self.path}: its members claim {packed:,} of {size:,} bytes: they overlap (a zip bomb)")
        self._keep(members)

    def _salvaged(self, error: Exception) -> list[zipfile.ZipInfo]:
        found = salvage(self.path)
        if not found.members:
            raise incomplete(self.path, "zip", error) from error
        used = f"the {len(found.members):,} members before are used"
        self._defects += [f"broken {found.end}; its directory is lost ({error}); {used}", *found.findings.lines()]
        return found.members

    def _keep(self, members: Iterable[zipfile.ZipInfo]) -> None:
        findings = rules.Findings()
        locked = ""
        for member in members:
            name = rules.kept_name(member.filename, self.path)
            problem = _problem(member)
            if member.is_dir() or (name is None and not rules.is_unsafe(member.filename)):
                continue
            if name is None or problem is not None:
                findings.add(problem or rules.UNSAFE, member.filename)
                locked = locked or (member.filename if problem == LOCKED else "")
                continue
            if name in self._members:
                findings.add(rules.REPEATED, name)
            sizes = member.compress_size, member.file_size
            self._members[name] = ZipMember(member.header_offset, *sizes, member.CRC, member.compress_type)
        if locked and not self._members:
            raise UserError(f"{self.path}: '{locked}' is encrypted; allowed: a .zip without a password")
        self._defects += findings.lines()

    def _claimed_members(self, size: int) -> int:
        """Return how many members the end record claims, by their number or the size of their entries."""
        tail_bytes = min(size, END_BYTES + COMMENT_LIMIT_BYTES)
        tail = self._read_at(size - tail_bytes, tail_bytes)
        at = tail.rfind(END)
        if at < 0 or len(tail) < at + END_BYTES:
            return 0
        claims: tuple[int, int] = struct.unpack_from("<HL", tail, at + 10)
        locator = tail[max(0, at - LOCATOR_BYTES) : at]
        if locator.startswith(LOCATOR_ZIP64) and len(locator) == LOCATOR_BYTES:
            # the end record of zip64 stands before its locator unless it says otherwise; zipfile reads it there
            end = self._read_at(max(0, size - tail_bytes + at - LOCATOR_BYTES - END_ZIP64_BYTES), END_ZIP64_BYTES)
            if end.startswith(END_ZIP64):
                claims = struct.unpack_from("<2Q", end, 32)
        # no more entries than there are bytes for can be read
        return max(claims[0], min(claims[1], size) // ENTRY_BYTES)

    def _content(self, name: str) -> bytes:
        return read_member(self._members[name], self._read_at)


def _problem(member: zipfile.ZipInfo) -> str | None:
    """Return why a member is refused; None for regular files."""
    if member.flag_bits & ENCRYPTED:
        return LOCKED
    # the file type sits in the upper half of the Unix attributes; 0 where the archiver wrote none
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind in (0, stat.S_IFREG, stat.S_IFDIR):
        return None
    return rules.LINKS if kind == stat.S_IFLNK else rules.DEVICES
