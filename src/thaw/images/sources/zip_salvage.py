"""The complete members of a .zip whose central directory is lost, by its local headers (APPNOTE.TXT, section 4.3)."""

from __future__ import annotations

import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from thaw.images.sources import rules
from thaw.images.sources.forward import PIECE_BYTES
from thaw.images.sources.zip_member import LOCAL_HEADER, LOCAL_HEADER_BYTES, RAW_DEFLATE

ENCRYPTED = 0x1  # bits of a member's flags (section 4.4.4)
SIZES_FOLLOW = 0x8
UTF8_NAME = 0x800
DIRECTORY = (b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06")  # what follows the last member
DESCRIPTOR = b"PK\x07\x08"
IN_ZIP64 = 0xFFFFFFFF  # this size stands in the extra field
ZIP64_FIELD = 1
INPUT_BYTES = 64 * 1024
DAMAGED = "damaged members, left out"


@dataclass
class Salvage:
    """Members as a directory would list them, and where the scan ended."""

    members: list[zipfile.ZipInfo] = field(default_factory=list)
    findings: rules.Findings = field(default_factory=rules.Findings)
    end: str = ""


class _BrokenError(Exception):
    """The scan cannot find where the next member begins."""


class _Measured(NamedTuple):
    packed: int
    size: int
    crc: int


def salvage(path: Path) -> Salvage:
    """Scan local headers from the start; a member counts where all its bytes are there and its CRC-32 is right.

    Where sizes follow the data, deflated members are inflated to find their end.

    Raises:
        UserError: More than five million members.
    """
    found = Salvage()
    place = "at its start"
    with path.open("rb") as file:
        try:
            while (member := _next_header(file)) is not None:
                place = f"in {member.filename!r}"
                _scan(file, member, found)
                rules.check_count(len(found.members), path)
                place = f"after {member.filename!r}"
            found.end = "in its directory"
        except _BrokenError as error:
            found.end = f"{place}, byte {file.tell():,} ({error})"
    return found


def _next_header(file: BinaryIO) -> zipfile.ZipInfo | None:
    """Return what a local header says; None where the members end."""
    offset = file.tell()
    header = file.read(LOCAL_HEADER_BYTES)
    if header.startswith(DIRECTORY):
        return None
    if header and not header.startswith(LOCAL_HEADER):
        file.seek(offset)
        raise _BrokenError("no header of a member")
    if len(header) < LOCAL_HEADER_BYTES:
        raise _BrokenError("cut off")
    _, _, flags, method, _, _, crc, packed, size, name_bytes, extra_bytes = struct.unpack("<4s5H3L2H", header)
    name, extra = file.read(name_bytes), file.read(extra_bytes)
    if len(name) + len(extra) < name_bytes + extra_bytes:
        raise _BrokenError("cut off")
    member = zipfile.ZipInfo(name.decode("utf-8" if flags & UTF8_NAME else "cp437", "surrogateescape"))
    member.header_offset, member.flag_bits, member.compress_type, member.CRC = offset, flags, method, crc
    member.file_size, member.compress_size = _zip64_sizes(extra, size, packed)
    return member


def _zip64_sizes(extra: bytes, size: int, packed: int) -> tuple[int, int]:
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        values = extra[4 : 4 + length]
        if kind == ZIP64_FIELD and len(values) >= 16 and IN_ZIP64 in (size, packed):
            size, packed = struct.unpack_from("<2Q", values)
        extra = extra[4 + length :]
    return size, packed


def _scan(file: BinaryIO, member: zipfile.ZipInfo, found: Salvage) -> None:
    """Add the member if it is sound; leave the file where the next one begins."""
    if member.flag_bits & SIZES_FOLLOW:
        measured = _measured(file, member)
        if not _described(file, measured):
            raise _BrokenError("no sizes after its data")
        member.compress_size, member.file_size, member.CRC = measured
        found.members.append(member)
        return
    start = file.tell()
    try:
        sound = member.flag_bits & ENCRYPTED or _measured(file, member) == (
            member.compress_size,
            member.file_size,
            member.CRC,
        )
    except _BrokenError:
        sound = False
    if file.seek(0, 2) < start + member.compress_size:
        raise _BrokenError("cut off")
    file.seek(start + member.compress_size)
    if sound:
        found.members.append(member)
    else:
        found.findings.add(DAMAGED, member.filename)


def _measured(file: BinaryIO, member: zipfile.ZipInfo) -> _Measured:
    """Read a member's data to their end; raise _BrokenError where they have none that can be found."""
    if member.compress_type == zipfile.ZIP_DEFLATED and not member.flag_bits & ENCRYPTED:
        return _inflated(file)
    if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & (SIZES_FOLLOW | ENCRYPTED):
        raise _BrokenError("its end cannot be found")
    left, crc = member.compress_size, 0
    while left and (piece := file.read(min(left, PIECE_BYTES))):
        crc = zlib.crc32(piece, crc)
        left -= len(piece)
    return _Measured(member.compress_size - left, member.compress_size - left, crc)


def _inflated(file: BinaryIO) -> _Measured:
    inflater = zlib.decompressobj(RAW_DEFLATE)
    start, size, crc = file.tell(), 0, 0
    while not inflater.eof:
        data = inflater.unconsumed_tail or file.read(INPUT_BYTES)
        try:
            piece = inflater.decompress(data, PIECE_BYTES)
        except zlib.error as error:
            raise _BrokenError(f"damaged: {error}") from error
        size, crc = size + len(piece), zlib.crc32(piece, crc)
        if not data and not piece and not inflater.eof:
            raise _BrokenError("cut off")
        if size > rules.MEMBER_LIMIT_BYTES or rules.is_bomb(size, file.tell() - start):
            raise _BrokenError(f"unpacks to more than {size:,} bytes")
    file.seek(-len(inflater.unused_data), 1)
    return _Measured(file.tell() - start, size, crc)


def _described(file: BinaryIO, measured: _Measured) -> bool:
    """Read the sizes after a member's data, of 4 or 8 bytes, with or without a signature; tell whether they agree."""
    start = file.tell()
    text = file.read(len(DESCRIPTOR) + 20)
    signature = len(DESCRIPTOR) if text.startswith(DESCRIPTOR) else 0
    for layout in ("<LLL", "<LQQ"):
        length = struct.calcsize(layout)
        values = text[signature : signature + length]
        if len(values) == length and struct.unpack(layout, values) == (measured.crc, measured.packed, measured.size):
            file.seek(start + signature + length)
            return True
    return False
