"""One progress bar for all long work: rate and time left, quiet when the output is not a terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Self, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress(items: Iterable[Item], description: str, unit: str, total: int | None = None) -> Iterator[Item]:
    """Yield ``items`` while a bar on standard error counts them."""
    # disable=None: tqdm's own rule, off where standard error is not a terminal
    yield from tqdm(items, desc=description, unit=f" {unit}", total=total, disable=None, dynamic_ncols=True)


class ByteBar:
    """A bar on standard error that counts bytes; threads may move it together."""

    def __init__(self, description: str, total_bytes: int | None, done_bytes: int = 0) -> None:
        self._bar = tqdm(
            desc=description,
            total=total_bytes,
            initial=done_bytes,
            unit="B",
            unit_scale=True,
            disable=None,
            dynamic_ncols=True,
        )
        self._lock = threading.Lock()

    def move(self, size_bytes: int) -> None:
        """Count bytes done; negative where they are undone."""
        with self._lock:
            self._bar.update(size_bytes)

    def say(self, text: str) -> None:
        """Print a line above the bar, also where the bar itself is quiet."""
        tqdm.write(text, file=sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
