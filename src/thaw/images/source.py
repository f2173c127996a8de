"""A folder, a .zip or an uncompressed .tar seen as one thing: names of files and their bytes; nothing is unpacked."""

from __future__ import annotations

import hashlib
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from thaw.errors import UserError

MEMBER_LIMIT_BYTES = 512 * 1024**2  # an X-ray is far below; a compressed member that grows beyond is a bomb
ENCRYPTED = 0x1  # bit 0 of a zip member's flags (APPNOTE.TXT, section 4.4.4)
# what reading a damaged member raises, by its compression
DAMAGED = (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
ALLOWED = "allowed: a folder, a .zip or an uncompressed .tar"


class MemberError(Exception):
    """One file of a source cannot be read; the message is the reason, for the quality report."""


class ImageSource(ABC):
    """The regular files below one path; may be sent to another process, where it opens its own handle.

    Links, absolute names and names with ``..`` are left out, and so are dot files, ``__MACOSX`` and ``Thumbs.db``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def names(self) -> list[str]:
        """Return the sorted POSIX paths of the regular files, relative to the source's root."""

    def read(self, name: str) -> bytes:
        """Return the bytes of one file; raise MemberError where it is missing, damaged or over 512 MiB."""
        try:
            size_bytes = self._size_bytes(name)
            if size_bytes > MEMBER_LIMIT_BYTES:
                raise MemberError(f"{size_bytes:,} bytes: larger than {MEMBER_LIMIT_BYTES:,}")
            return self._content(name)
        except KeyError as error:
            raise MemberError("no such file in the source") from error
        except DAMAGED as error:
            raise MemberError(f"cannot be read from the source: {error}") from error

    def close(self) -> None:
        """Close what is open in this process; a later ``read`` opens it again."""
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def _size_bytes(self, name: str) -> int:
        """Return a file's size; raise KeyError for an unknown name."""

    @abstractmethod
    def _content(self, name: str) -> bytes: ...

    @abstractmethod
    def _release(self) -> None: ...


class FolderSource(ImageSource):
    """Files of a folder, at any depth."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._paths = {name: Path(path, name) for name in self._walk()}

    def _walk(self) -> Iterator[str]:
        for folder, _, files in os.walk(self.path, onerror=_refuse_folder):
            for file in files:
                path = Path(folder, file)
                name = _kept_name(path.relative_to(self.path).as_posix(), self.path)
                if name and stat.S_ISREG(path.lstat().st_mode):
                    yield name

    def names(self) -> list[str]:  # noqa: D102 - see ImageSource
        return sorted(self._paths)

    def _size_bytes(self, name: str) -> int:
        return self._paths[name].stat().st_size

    def _content(self, name: str) -> bytes:
        return self._paths[name].read_bytes()

    def _release(self) -> None:
        """Nothing stays open."""


class ZipSource(ImageSource):
    """Members of a .zip; every process has a handle of its own."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._archive: zipfile.ZipFile | None = None
        self._opened_by = 0
        self._members: dict[str, zipfile.ZipInfo] = {}
        for member in self._handle().infolist():
            name = _kept_name(member.filename, path)
            # the file type sits in the upper half of the Unix attributes; 0 where the archiver wrote none
            if name and not member.is_dir() and stat.S_IFMT(member.external_attr >> 16) in (0, stat.S_IFREG):
                self._members[name] = member
                if member.flag_bits & ENCRYPTED:
                    self.close()
                    raise UserError(f"{path}: '{name}' is encrypted; allowed: a .zip without a password")

    def _handle(self) -> zipfile.ZipFile:
        # a handle inherited by a forked process shares its position with the parent's: open another
        if self._archive is None or self._opened_by != os.getpid():
            try:
                self._archive = zipfile.ZipFile(self.path)
            except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
                reason = f"not a complete zip archive ({error}); copy or download it again; {ALLOWED}"
                raise UserError(f"{self.path}: {reason}") from error
            self._opened_by = os.getpid()
        return self._archive

    def names(self) -> list[str]:  # noqa: D102 - see ImageSource
        return sorted(self._members)

    def _size_bytes(self, name: str) -> int:
        return self._members[name].file_size

    def _content(self, name: str) -> bytes:
        return self._handle().read(self._members[name])

    def _release(self) -> None:
        if self._archive is not None:
            self._archive.close()
            self._archive = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_archive": None}


class TarSource(ImageSource):
    """Members of an uncompressed .tar, read by their offsets: positions are explicit, so no handle is shared."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file: int | None = None
        self._offsets: dict[str, tuple[int, int]] = {}
        try:
            with tarfile.open(path, "r:") as archive:
                for member in archive:
                    name = _kept_name(member.name, path)
                    if name and member.isreg() and member.sparse is None:
                        self._offsets[name] = (member.offset_data, member.size)
                end = archive.offset
        except tarfile.TarError as error:
            reason = f"not a complete uncompressed tar archive ({error}); unzip a .tar.gz first; {ALLOWED}"
            raise UserError(f"{path}: {reason}") from error
        # tarfile stops without a word at a header it cannot read
        if any(self._read_at(end, tarfile.BLOCKSIZE)):
            self.close()
            raise UserError(f"{path}: damaged at byte {end:,}; copy or download it again")

    def names(self) -> list[str]:  # noqa: D102 - see ImageSource
        return sorted(self._offsets)

    def _size_bytes(self, name: str) -> int:
        return self._offsets[name][1]

    def _content(self, name: str) -> bytes:
        return self._read_at(*self._offsets[name])

    def _read_at(self, offset: int, size: int) -> bytes:
        if self._file is None:
            self._file = os.open(self.path, os.O_RDONLY)
        parts = []
        while size and (part := os.pread(self._file, size, offset)):
            parts.append(part)
            offset, size = offset + len(part), size - len(part)
        return b"".join(parts)

    def _release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}


def open_source(path: Path) -> ImageSource:
    """Open a folder, a .zip or an uncompressed .tar; raise UserError where ``path`` is none of them."""
    try:
        if path.is_dir():
            return FolderSource(path)
        if not path.exists():
            raise UserError(f"{path}: no such file or folder; {ALLOWED}")
        return ZipSource(path) if _looks_like_zip(path) else TarSource(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {ALLOWED}") from error


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of an archive, or of a folder's names and contents in the order of the names."""
    if path.is_file():
        return _file_digest(path).hex()
    digest = hashlib.sha256()
    for name in open_source(path).names():
        # fixed-length parts: no other pair of name and content gives the same sequence
        digest.update(hashlib.sha256(name.encode()).digest() + _file_digest(path / name))
    return digest.hexdigest()


def _file_digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def _looks_like_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix.lower() == ".zip" or file.read(2) == b"PK"


def _kept_name(name: str, origin: Path) -> str | None:
    """Return the normalised member path, or None for one that is left out."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or name.startswith("/") or parts[-1] == "Thumbs.db":
        return None
    if any(part.startswith(".") or part == "__MACOSX" for part in parts):
        return None
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{origin}: the file name {name!r} is not UTF-8; rename the file") from error
    return "/".join(parts)


def _refuse_folder(error: OSError) -> None:
    raise UserError(f"{error.filename}: cannot be listed ({error.strerror})")
