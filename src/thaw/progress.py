"""One progress bar for all long work: rate and time left, quiet when the output is not a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress(items: Iterable[Item], description: str, unit: str, total: int | None = None) -> Iterator[Item]:
    """Yield ``items`` while a bar on standard error counts them."""
    # disable=None: tqdm's own rule, off where standard error is not a terminal
    yield from tqdm(items, desc=description, unit=f" {unit}", total=total, disable=None, dynamic_ncols=True)
