"""What a member of a source may be: its name, its kind and its size."""

from __future__ import annotations

from pathlib import Path

from thaw.errors import UserError

MEMBER_LIMIT_BYTES = 512 * 1024**2  # an X-ray is far below
MEMBERS_LIMIT = 5_000_000  # ten times the largest public set of X-rays
# deflated PNG, JPEG and DICOM stay below 20:1; zeros reach 1032:1
BOMB_RATIO = 200
BOMB_FROM_BYTES = 64 * 1024**2


class MemberError(Exception):
    """One file of a source cannot be read; the message is the reason, for the quality report."""


def check_size(size_bytes: int) -> None:
    """Raise MemberError for a member over 512 MiB."""
    if size_bytes > MEMBER_LIMIT_BYTES:
        raise MemberError(f"{size_bytes:,} bytes: larger than {MEMBER_LIMIT_BYTES:,}")


def is_bomb(unpacked_bytes: int, packed_bytes: int) -> bool:
    """Tell whether so few packed bytes may honestly become so many."""
    return unpacked_bytes > BOMB_FROM_BYTES and unpacked_bytes > BOMB_RATIO * packed_bytes


def check_count(members: int, origin: Path) -> None:
    """Raise UserError for an archive of more than five million members."""
    if members > MEMBERS_LIMIT:
        raise UserError(f"{origin}: claims more than {MEMBERS_LIMIT:,} members; split it, or unpack it to a folder")


def is_unsafe(name: str) -> bool:
    """Tell whether a member's name leads outside its archive: absolute, or with ``..``."""
    return name.startswith("/") or ".." in name.split("/")


def kept_name(name: str, origin: Path) -> str | None:
    """Return the normalised member path; None for unsafe names, dot files, ``__MACOSX`` and ``Thumbs.db``.

    Raises:
        UserError: The name is not UTF-8.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or is_unsafe(name) or parts[-1] == "Thumbs.db":
        return None
    if any(part.startswith(".") or part == "__MACOSX" for part in parts):
        return None
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{origin}: the file name {name!r} is not UTF-8; rename the file") from error
    return "/".join(parts)


class Findings:
    """Counts members by what is wrong with them; a line for each kind names the first."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str]] = {}

    def add(self, what: str, name: str) -> None:
        """Count one member."""
        count, first = self._found.get(what, (0, name))
        self._found[what] = (count + 1, first)

    def lines(self) -> list[str]:
        """Return lines such as ``links, left out: 3, the first 'a.png'``."""
        return [f"{what}: {count:,}, the first {first!r}" for what, (count, first) in self._found.items()]


UNSAFE = "members with an absolute path or '..', left out"
LINKS = "links, left out"
DEVICES = "devices, pipes and other special files, left out"
REPEATED = "members that repeat an earlier name, of which the last is used"
