"""Many archives listed at once: zlib inflates outside the interpreter's lock, so that threads are enough."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from thaw.errors import UserError
from thaw.images.sources.archive import ArchiveSource
from thaw.images.sources.archives import open_archive
from thaw.progress import progress

Opened = ArchiveSource[Any] | UserError


def opened(path: Path) -> Opened:
    """Open an archive, or return why it cannot be opened."""
    try:
        return open_archive(path)
    except UserError as error:
        return error


def open_all(folder: Path, names: Sequence[str]) -> dict[str, Opened]:
    """Open and so list the archives ``names`` of a folder; a bar counts them."""
    done = _in_threads(lambda name: (name, opened(folder / name)), names)
    return dict(progress(done, "listing", "archives", len(names)))


def _in_threads(work: Callable[[str], tuple[str, Opened]], names: Sequence[str]) -> Iterator[tuple[str, Opened]]:
    todo: SimpleQueue[str] = SimpleQueue()
    done: SimpleQueue[tuple[str, Opened] | BaseException] = SimpleQueue()
    for name in names:
        todo.put(name)

    def serve() -> None:
        try:
            while True:
                done.put(work(todo.get_nowait()))
        except Empty:
            return
        except BaseException as error:  # handed to the caller, who waits
            done.put(error)

    # daemons: Ctrl-C does not wait for an archive to end
    for _ in range(min(len(names), os.cpu_count() or 1)):
        threading.Thread(target=serve, daemon=True).start()
    for _ in names:
        result = done.get()
        if isinstance(result, BaseException):
            raise result
        yield result
