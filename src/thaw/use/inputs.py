"""Images that are named on a command line: files, folders at any depth, archives; opened once, closed at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Self

from thaw.errors import UserError
from thaw.images.headers import may_be_dicom
from thaw.images.sources import ImageSource, MemberError, open_source
from thaw.images.sources.archives import archive_stem
from thaw.images.unreadable import UnreadableError
from thaw.use.pictures import Given, file_bytes, printable

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".dcm", ".dicom")
HELD = 32  # files of an archive whose bytes wait to be decoded, at most


class Inputs:
    """The images below some paths, in the order of the paths and of the names; drawn from once.

    A file that is named is an image, whatever its ending. In folders and archives a file is one by its ending; without
    an ending, or with a number for one, where it is a DICOM file. Members of compressed .tar come in their own order.

    Attributes:
        passed_over: how many files of folders and archives are no images by their name.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.passed_over = 0
        self._paths = paths
        self._opened = ExitStack()
        self._reading = threading.Lock()  # a source of many archives holds one of them open at a time
        self._held = threading.BoundedSemaphore(HELD)

    def __iter__(self) -> Iterator[Given]:
        for path in self._paths:
            if path.is_dir() or (path.is_file() and archive_stem(path.name) is not None):
                yield from self._inside(path)
            else:
                yield Given(printable(path), partial(file_bytes, path))

    def _inside(self, path: Path) -> Iterator[Given]:
        try:
            source = self._opened.enter_context(open_source(path))
            names = source.names()
        except UserError as error:
            yield Given(printable(path), partial(_refuse, str(error)))
            return
        images = [name for name in names if name.lower().endswith(PICTURES) or may_be_dicom(name)]
        self.passed_over += len(names) - len(images)
        if any(source.streamed_archive(name) is not None for name in images):
            yield from self._streamed(path, source, images)
            return
        for name in images:
            yield self._member(path, name, partial(self._read, source, name))

    def _streamed(self, path: Path, source: ImageSource, images: Sequence[str]) -> Iterator[Given]:
        for name, content in source.stream(images):
            self._held.acquire()
            yield self._member(path, name, partial(self._hand_over, content))

    @staticmethod
    def _member(path: Path, name: str, content: partial[bytes]) -> Given:
        return Given(f"{printable(path)}/{name}", content, only_dicom=not name.lower().endswith(PICTURES))

    def _read(self, source: ImageSource, name: str) -> bytes:
        with self._reading:
            return source.read(name)

    def _hand_over(self, content: bytes | MemberError) -> bytes:
        self._held.release()
        if isinstance(content, MemberError):
            raise content
        return content

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()


def _refuse(reason: str) -> bytes:
    raise UnreadableError(reason)
