"""The bytes of a tar archive, read once and forward; here from a plain file."""

from __future__ import annotations

import os
import tarfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

HEADER_LIMIT_BYTES = 1024**2  # names and comments; a header that claims more is hostile
PIECE_BYTES = 1024**2


class ForwardFile(ABC):
    """Bytes that are taken or skipped in order; ``tarfile`` reads headers from it with ``read``, ``tell``, ``seek``."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.position = 0

    @abstractmethod
    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer where the content ends."""

    @abstractmethod
    def skip(self, size: int) -> int:
        """Pass over ``size`` bytes; return how many there were."""

    @abstractmethod
    def place(self) -> str:
        """Return where the reading stands, and what is broken there if it is known."""

    def trouble(self) -> str | None:
        """Return what broke the content itself; None where it is whole."""
        return None

    def tell(self) -> int:
        """Return the position in the archive's bytes."""
        return self.position

    def read(self, size: int) -> bytes:
        """Return the next bytes of a header; raise ReadError for a header of unbelievable size."""
        if not 0 <= size <= HEADER_LIMIT_BYTES:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self.take(size)

    def seek(self, offset: int) -> int:
        """Go forward to a position; raise ReadError where it lies behind, or beyond the end."""
        distance = offset - self.position
        if distance < 0:
            raise tarfile.ReadError("a header points backwards")
        if self.skip(distance) < distance:
            raise tarfile.ReadError("cut off")
        return self.position

    def data_follow(self) -> bool:
        """Read on until something other than zeros comes, or to the end."""
        while piece := self.take(PIECE_BYTES):
            if piece.count(0) < len(piece):
                return True
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class PlainFile(ForwardFile):
    """An uncompressed archive."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._size = os.fstat(self._file.fileno()).st_size

    def take(self, size: int) -> bytes:  # noqa: D102 - see ForwardFile
        content = self._file.read(size)
        self.position += len(content)
        return content

    def skip(self, size: int) -> int:  # noqa: D102 - see ForwardFile
        size = min(size, self._size - self.position)
        self.position += size
        self._file.seek(self.position)
        return size

    def place(self) -> str:  # noqa: D102 - see ForwardFile
        return f"byte {self.position:,}"
