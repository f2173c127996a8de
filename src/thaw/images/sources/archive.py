"""What all archives share: members known by their place in one file, which is read at explicit positions."""

from __future__ import annotations

import os
from abc import abstractmethod
from pathlib import Path
from typing import Any, Generic, TypeVar

from thaw.errors import UserError
from thaw.images.sources.source import ALLOWED, ImageSource

Place = TypeVar("Place")


class ArchiveSource(ImageSource, Generic[Place]):
    """Members of one archive file; positions are explicit, so that forked processes may share the open file.

    Raises:
        UserError: Nothing in the file can be read as an archive of this kind.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file: int | None = None
        self._members: dict[str, Place] = {}
        self._defects: list[str] = []
        try:
            self._list()
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def _list(self) -> None:
        """Fill ``_members`` and ``_defects``."""

    def names(self) -> list[str]:  # noqa: D102 - see ImageSource
        return sorted(self._members)

    def defects(self) -> tuple[str, ...]:  # noqa: D102 - see ImageSource
        return tuple(f"{self.path.name}: {defect}" for defect in self._defects)

    def _read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes; fewer at the end of the file."""
        if self._file is None:
            self._file = os.open(self.path, os.O_RDONLY)
        parts = []
        while size and (part := os.pread(self._file, size, offset)):
            parts.append(part)
            offset, size = offset + len(part), size - len(part)
        return b"".join(parts)

    def close(self) -> None:  # noqa: D102 - see ImageSource
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}


def incomplete(path: Path, kind: str, reason: object) -> UserError:
    """Return the error for a file of which nothing can be read."""
    return UserError(f"{path}: not a complete {kind} archive ({reason}); copy or download it again; {ALLOWED}")
