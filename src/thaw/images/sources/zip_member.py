"""One member of a .zip: where it lies and how its bytes are unpacked within limits (APPNOTE.TXT, section 4.3)."""

from __future__ import annotations

import bz2
import zipfile
import zlib
from collections.abc import Callable
from typing import NamedTuple

from thaw.images.sources import rules

LOCAL_HEADER = b"PK\x03\x04"
LOCAL_HEADER_BYTES = 30  # without the name and the extra field
RAW_DEFLATE = -zlib.MAX_WBITS  # zlib's number for deflate without a header


class ZipMember(NamedTuple):
    """What the directory says of a member: sizes in bytes, CRC-32 and the number of the compression method."""

    header_offset: int
    packed: int
    size: int
    crc: int
    method: int


def read_member(member: ZipMember, read_at: Callable[[int, int], bytes]) -> bytes:
    """Return a member's bytes; never more than it claims is unpacked.

    Args:
        member: Its place.
        read_at: Gives up to so many bytes of the archive from an offset: ``(offset, size)``.

    Raises:
        MemberError: Larger than 512 MiB, a bomb, or packed by an unknown method.
        ValueError, EOFError, OSError, zlib.error: Damaged.
    """
    rules.check_size(max(member.size, member.packed))
    if rules.is_bomb(member.size, member.packed):
        ratio = f"more than {rules.BOMB_RATIO} times (a decompression bomb)"
        raise rules.MemberError(f"grows from {member.packed:,} to {member.size:,} bytes: {ratio}")
    header = read_at(member.header_offset, LOCAL_HEADER_BYTES)
    if len(header) < LOCAL_HEADER_BYTES or not header.startswith(LOCAL_HEADER):
        raise ValueError(f"no header at byte {member.header_offset:,}")
    names = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    packed = read_at(member.header_offset + LOCAL_HEADER_BYTES + names, member.packed)
    if len(packed) < member.packed:
        raise EOFError(f"{len(packed):,} bytes instead of {member.packed:,}")
    return _checked(_unpacked(packed, member), member)


def _unpacked(packed: bytes, member: ZipMember) -> bytes:
    """Return at most one byte more than the member claims."""
    if member.method == zipfile.ZIP_STORED:
        return packed
    if member.method == zipfile.ZIP_DEFLATED:
        return zlib.decompressobj(RAW_DEFLATE).decompress(packed, member.size + 1)
    if member.method == zipfile.ZIP_BZIP2:
        return bz2.BZ2Decompressor().decompress(packed, member.size + 1)
    raise rules.MemberError(f"compression method {member.method} is not supported; pack the archive with deflate")


def _checked(content: bytes, member: ZipMember) -> bytes:
    if len(content) > member.size:
        raise ValueError(f"unpacks to more than the {member.size:,} bytes that it claims")
    if len(content) < member.size:
        raise ValueError(f"unpacks to {len(content):,} bytes instead of {member.size:,}")
    if zlib.crc32(content) != member.crc:
        raise ValueError("wrong checksum (CRC-32)")
    return content
