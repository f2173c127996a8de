"""A compressed file's content, read once and forward; what comes before a broken place stays readable."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from thaw.images.sources import rules
from thaw.images.sources.forward import PIECE_BYTES, ForwardFile

INPUT_BYTES = 64 * 1024
GZIP_WINDOW = 31  # zlib's number for a gzip header, the largest window, and the check of CRC and length


class _Inflater(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /, max_length: int) -> bytes: ...


class _GzipInflater:
    """zlib in the manner of ``bz2``; at an error it gives all that comes before, then raises."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(GZIP_WINDOW)
        self._error: zlib.error | None = None
        self._after_error = b""

    @property
    def eof(self) -> bool:
        return self._inflater.eof

    @property
    def needs_input(self) -> bool:
        return self._error is None and not self._inflater.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._after_error or self._inflater.unused_data

    def decompress(self, data: bytes, /, max_length: int) -> bytes:
        if self._error is not None:
            raise self._error
        data = self._inflater.unconsumed_tail + data
        before = self._inflater.copy()
        try:
            return self._inflater.decompress(data, max_length)
        except zlib.error:
            self._inflater = before
            return self._up_to_the_error(data)

    def _up_to_the_error(self, data: bytes) -> bytes:
        # zlib's call that fails gives nothing: byte by byte only the last one is lost
        parts = []
        try:
            for start in range(len(data)):
                parts.append(self._inflater.decompress(data[start : start + 1]))
        except zlib.error as error:
            self._error, self._after_error = error, data[start + 1 :]
        return b"".join(parts)


INFLATERS: dict[bytes, Callable[[], _Inflater]] = {
    b"\x1f\x8b": _GzipInflater,
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\x00": lzma.LZMADecompressor,
}


def is_compressed(start: bytes) -> bool:
    """Tell by a file's first bytes whether it is .gz, .bz2 or .xz."""
    return any(start.startswith(magic) for magic in INFLATERS)


class InflatedFile(ForwardFile):
    """A .gz, .bz2 or .xz, of one or several streams; never unpacked as a whole.

    Where it is cut, damaged or a bomb (over 200:1) the content ends, and ``broken`` says why.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.broken: str | None = None
        self._kind = self._known_kind()
        self._inflater = self._kind()
        self._ended = False
        self._inflated_bytes = 0
        self._piece = b""
        self._used = 0  # bytes of the piece that were taken

    def _known_kind(self) -> Callable[[], _Inflater]:
        start = self._file.read(max(map(len, INFLATERS)))
        self._file.seek(0)
        for magic, kind in INFLATERS.items():
            if start.startswith(magic):
                return kind
        self._file.close()
        raise ValueError("not a .gz, .bz2 or .xz file")

    def take(self, size: int) -> bytes:  # noqa: D102 - see ForwardFile
        parts = []
        while size and (part := self._part(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def skip(self, size: int) -> int:  # noqa: D102 - see ForwardFile
        left = size
        while left and (part := self._part(left)):
            left -= len(part)
        return size - left

    def place(self) -> str:  # noqa: D102 - see ForwardFile
        return f"byte {self.position:,} of its content" if self.broken is None else f"byte {self._file.tell():,}"

    def trouble(self) -> str | None:  # noqa: D102 - see ForwardFile
        return self.broken

    def _part(self, size: int) -> memoryview:
        if self._used == len(self._piece):
            self._piece, self._used = self._inflated(), 0
        part = memoryview(self._piece)[self._used : self._used + size]
        self._used += len(part)
        self.position += len(part)
        return part

    def _inflated(self) -> bytes:
        """Return the next piece, empty at the end."""
        while not self._ended:
            data = self._file.read(INPUT_BYTES) if self._inflater.needs_input else b""
            waiting = self._inflater.needs_input and not data
            try:
                piece = self._inflater.decompress(data, PIECE_BYTES)
            except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
                self._file.seek(-len(self._inflater.unused_data), 1)
                self._end(f"damaged: {error}")
                break
            self._inflated_bytes += len(piece)
            if self._inflater.eof:
                self._begin_next_stream()
            elif waiting and not piece:
                self._end("the compressed data end too early")
            if rules.is_bomb(self._inflated_bytes, self._file.tell()):
                self._end(f"grows more than {rules.BOMB_RATIO} times (a decompression bomb)")
                break
            if piece:
                return piece
        return b""

    def _begin_next_stream(self) -> None:
        """Go on to a stream that follows, as gzip does; zeros up to the end of the file are padding."""
        rest = self._inflater.unused_data.lstrip(b"\0")
        while not rest:
            data = self._file.read(INPUT_BYTES)
            if not data:
                self._end(None)
                return
            rest = data.lstrip(b"\0")
        self._file.seek(-len(rest), 1)
        self._inflater = self._kind()

    def _end(self, broken: str | None) -> None:
        self._ended, self.broken = True, broken
