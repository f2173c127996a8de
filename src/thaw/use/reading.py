"""Images decoded in threads while the network looks at those before."""

from __future__ import annotations

import os
import threading
import warnings
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from thaw.images.decode import decode
from thaw.images.dicom import is_dicom
from thaw.images.sources import MemberError
from thaw.images.unreadable import UnreadableError, one_line
from thaw.use.pictures import Given

AHEAD = 1  # batches that are decoded before they are asked for
_dicom = threading.Lock()  # the one process that runs GDCM answers one question at a time


@dataclass(frozen=True)
class Read:
    """What became of an image.

    Attributes:
        name: as people know it.
        pixels: what the network is given, uint8 (size, size); None where it cannot be read or is no image.
        reason: why it cannot be read; None where it can, or where it is no image and was not said to be one.
    """

    name: str
    pixels: NDArray[np.uint8] | None
    reason: str | None


def read_ahead(given: Iterable[Given], size_px: int, crop_from_px: int | None, count: int) -> Generator[list[Read]]:
    """Read images, ``count`` at a time, in their order; close it where not all are wanted.

    The pixels are those that the stage preprocess gives training: both call ``thaw.images.decode.decode``.

    Args:
        given: the images; drawn from as they are needed.
        size_px, crop_from_px: see ``thaw.images.decode.decode``.
        count: images of a batch.
    """
    rest = iter(given)
    waiting: deque[list[Future[Read]]] = deque()
    # decode silences warnings for a moment; in several threads at once, the last to end would leave them silenced
    with warnings.catch_warnings(), ThreadPoolExecutor(_processors()) as pool:
        try:
            while part := [pool.submit(read, one, size_px, crop_from_px) for one in islice(rest, count)]:
                waiting.append(part)
                if len(waiting) > AHEAD:
                    yield [future.result() for future in waiting.popleft()]
            while waiting:
                yield [future.result() for future in waiting.popleft()]
        finally:
            for future in (future for part in waiting for future in part):
                future.cancel()


def read(one: Given, size_px: int, crop_from_px: int | None) -> Read:
    """Read and decode one image."""
    try:
        data = one.content()
        if one.only_dicom and not is_dicom(data):
            return Read(one.name, None, None)
        with _dicom if is_dicom(data) else nullcontext():
            return Read(one.name, decode(data, size_px, crop_from_px).pixels, None)
    except (UnreadableError, MemberError, OSError) as error:
        return Read(one.name, None, one_line(error))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
