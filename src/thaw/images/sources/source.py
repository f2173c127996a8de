"""What every source of images can do, whatever it is made of."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

from thaw.images.sources.rules import MemberError

ALLOWED = "allowed: a folder, a .zip, a .tar or a .tar.gz"
CHUNK_IMAGES = 32
# what reading a damaged member raises, by its compression
DAMAGED = (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)


class ImageSource(ABC):
    """The regular files below one path; may be sent to another process.

    Links, devices, absolute names and names with ``..`` are never read, and counted in ``defects``. Dot files,
    ``__MACOSX`` and ``Thumbs.db`` are passed over without a word.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def names(self) -> list[str]:
        """Return the sorted POSIX paths of the regular files, relative to the source's root."""

    @abstractmethod
    def defects(self) -> tuple[str, ...]:
        """Return one line for each thing that was found broken or refused while listing, for reports."""

    def read(self, name: str) -> bytes:
        """Return the bytes of one file; raise MemberError where it is missing, damaged or over 512 MiB."""
        try:
            return self._content(name)
        except KeyError as error:
            raise missing() from error
        except DAMAGED as error:
            raise damaged(error) from error

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | MemberError]]:
        """Yield each of ``names`` once with its bytes, or with why there are none, in the cheapest order."""
        for name in dict.fromkeys(names):
            try:
                yield name, self.read(name)
            except MemberError as error:
                yield name, error

    def batches(self, names: Iterable[str], workers: int) -> list[list[str]]:
        """Group names into jobs, each for one process to ``stream``.

        Files that are reached directly come in chunks of 32; those of an archive that is read from its start make one
        job. With fewer such archives than ``workers`` the names of each are dealt into several jobs, each of which
        inflates the archive itself: inflating is some ten times cheaper than decoding.
        """
        direct: list[str] = []
        streamed: dict[str, list[str]] = {}
        for name in dict.fromkeys(names):
            archive = self.streamed_archive(name)
            (direct if archive is None else streamed.setdefault(archive, [])).append(name)
        jobs = []
        for members in streamed.values():
            parts = -(-workers // len(streamed))
            jobs += _chunks(members, -(-len(members) // parts))
        return jobs + _chunks(direct, CHUNK_IMAGES)

    def streamed_archive(self, name: str) -> str | None:  # noqa: ARG002 - by name where archives lie in a folder
        """Return which archive must be read from its start to reach ``name``; None where it is reached directly."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Close what is open in this process; a later ``read`` opens it again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def _content(self, name: str) -> bytes:
        """Return a file's bytes; raise KeyError for an unknown name, MemberError or one of DAMAGED."""


def missing() -> MemberError:
    """Return the error for a name that the source does not hold."""
    return MemberError("no such file in the source")


def damaged(error: Exception) -> MemberError:
    """Return the error for a file that is there and cannot be read."""
    return MemberError(f"cannot be read from the source: {error}")


def _chunks(names: Sequence[str], length: int) -> list[list[str]]:
    return [list(names[start : start + length]) for start in range(0, len(names), length)]
