"""A folder of files and archives; the files of an archive appear below its path."""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from thaw.errors import UserError
from thaw.images.sources import rules
from thaw.images.sources.archive import ArchiveSource
from thaw.images.sources.archives import archive_stem, is_streamed
from thaw.images.sources.listing import Opened, open_all, opened
from thaw.images.sources.rules import MemberError, check_size
from thaw.images.sources.source import ImageSource, damaged, missing
from thaw.images.sources.walk import Walk


class FolderSource(ImageSource):
    """Files of a folder at any depth, and members of the archives in it as ``set/images_001.tar.gz/a.png``.

    An archive is passed over where a folder of its name lies beside it: it has been unpacked. Archives in archives
    are not opened. The tree is walked once, by the first call of ``names`` or ``defects``, never by ``read``.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._listed: tuple[list[str], tuple[str, ...]] | None = None
        self._archives: dict[str, Opened] = {}
        self._streamed: dict[str, bool] = {}
        self._current: ArchiveSource[Any] | None = None  # of many archives one at a time is held open

    def names(self) -> list[str]:
        """Return the sorted paths; lists the archives on the way.

        Raises:
            UserError: The folder cannot be listed, or a file name is not UTF-8.
        """
        return list(self._listing()[0])

    def defects(self) -> tuple[str, ...]:  # noqa: D102 - see ImageSource
        return self._listing()[1]

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | MemberError]]:
        """Yield files first, then each archive's members in the archive's own order."""
        members: dict[str, dict[str, str]] = {}
        for name in dict.fromkeys(names):
            archive, member = self._split(name)
            if archive is None:
                yield from super().stream([name])
            else:
                members.setdefault(archive, {})[member] = name
        for archive, wanted in members.items():
            source = self._archive(archive)
            if isinstance(source, UserError):
                yield from ((name, damaged(source)) for name in wanted.values())
            else:
                yield from ((wanted[member], content) for member, content in source.stream(wanted))

    def streamed_archive(self, name: str) -> str | None:  # noqa: D102 - see ImageSource
        archive, _ = self._split(name)
        if archive is None:
            return None
        if archive not in self._streamed:
            try:
                self._streamed[archive] = is_streamed(self.path / archive)
            except OSError:
                self._streamed[archive] = False  # reading it will say why
        return archive if self._streamed[archive] else None

    def close(self) -> None:  # noqa: D102 - see ImageSource
        if self._current is not None:
            self._current.close()

    def _content(self, name: str) -> bytes:
        archive, member = self._split(name)
        if archive is not None:
            source = self._archive(archive)
            if isinstance(source, UserError):
                raise damaged(source)
            return source.read(member)
        if not self._is_file(name):
            raise missing()
        path = self.path / name
        check_size(path.stat().st_size)
        return path.read_bytes()

    def _archive(self, name: str) -> Opened:
        if name not in self._archives:
            self._archives[name] = opened(self.path / name)
        source = self._archives[name]
        if isinstance(source, ArchiveSource) and source is not self._current:
            self.close()
            self._current = source
        return source

    def _split(self, name: str) -> tuple[str | None, str]:
        """Return the archive that holds ``name`` (None: the folder itself) and the name inside it."""
        parts = name.split("/")
        for end in range(1, len(parts)):
            if archive_stem(parts[end - 1]) is not None and self._is_archive("/".join(parts[:end])):
                return "/".join(parts[:end]), "/".join(parts[end:])
        return None, name

    def _is_archive(self, name: str) -> bool:
        try:
            return name in self._archives or self._is_file(name)
        except OSError:
            return False

    def _is_file(self, name: str) -> bool:
        """Tell whether ``name``, which nobody has checked, is a regular file with no link on the way to it."""
        path, mode = self.path, stat.S_IFDIR
        try:
            if rules.kept_name(name, self.path) != name:
                return False
            for part in name.split("/"):
                path /= part
                mode = path.lstat().st_mode
                if stat.S_ISLNK(mode):
                    return False
        except (FileNotFoundError, NotADirectoryError, ValueError, UserError):
            return False
        return stat.S_ISREG(mode)

    def _listing(self) -> tuple[list[str], tuple[str, ...]]:
        if self._listed is None:
            walk = Walk(self.path)
            files, defects = walk.files, walk.defects
            for name, source in sorted(open_all(self.path, walk.archives).items()):
                self._archives[name] = source
                if isinstance(source, UserError):
                    defects.append(str(source))
                else:
                    files += [f"{name}/{member}" for member in source.names()]
                    defects += [posixpath.join(posixpath.dirname(name), defect) for defect in source.defects()]
                    source.close()
            self._listed = sorted(files), tuple(defects)
        return self._listed

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_listed": None}
