"""All pictures decoded once, in parallel, into one memory-mapped array."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.errors import UserError
from thaw.files import replacing
from thaw.images.decode import UnreadableError, decode
from thaw.images.source import ImageSource, MemberError, open_source
from thaw.progress import progress

CHUNK_IMAGES = 32
PARALLEL_FROM_IMAGES = 200  # below, starting processes takes longer than decoding
QUARANTINED, CONVERTED = "quarantined", "converted"


@dataclass(frozen=True)
class Outcome:
    """What became of one picture; ``action`` and ``reason`` are None where there is nothing to report."""

    image: str
    action: str | None
    reason: str | None


@dataclass(frozen=True)
class Decoder:
    """Decodes chunks of images into rows of an array that exists already; may be sent to another process."""

    source: ImageSource
    array: Path
    size_px: int
    crop_from_px: int | None

    def fill(self, first_row: int, images: Sequence[str]) -> list[Outcome]:
        """Decode ``images`` into consecutive rows; a row stays zero where its picture is quarantined."""
        block = np.zeros((len(images), self.size_px, self.size_px), np.uint8)
        outcomes = [self._decode(image, pixels) for image, pixels in zip(images, block, strict=True)]
        rows = np.lib.format.open_memmap(self.array, mode="r+")
        rows[first_row : first_row + len(images)] = block
        return outcomes

    def _decode(self, image: str, pixels: NDArray[np.uint8]) -> Outcome:
        try:
            decoded = decode(self.source.read(image), self.size_px, self.crop_from_px)
        except (MemberError, UnreadableError) as error:
            return Outcome(image, QUARANTINED, str(error))
        pixels[:] = decoded.pixels
        return Outcome(image, CONVERTED if decoded.conversion else None, decoded.conversion)


def build_store(
    source_path: Path, images: Sequence[str], size_px: int, crop_from_px: int | None, target: Path
) -> pd.DataFrame:
    """Decode ``images`` of a source into ``target``, an .npy that can be memory-mapped.

    Args:
        source_path: A folder, .zip or .tar.
        images: Paths inside the source; the rows keep their order.
        size_px, crop_from_px: See ``thaw.images.decode.decode``.
        target: Becomes uint8 (len(images), size_px, size_px); the row of a quarantined image stays zero.

    Returns:
        ``image, action, reason``: one row for each image that was quarantined or converted.

    Raises:
        UserError: The source cannot be opened, the disk is full, or a decoding process died.
    """
    try:
        with open_source(source_path) as source, replacing(target) as array:
            _reserve(array, (len(images), size_px, size_px))
            outcomes = list(_decode_all(Decoder(source, array, size_px, crop_from_px), images))
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error})") from error
    except BrokenProcessPool as error:
        raise UserError(f"{source_path}: a decoding process was killed; is there enough memory?") from error
    reported = [(outcome.image, outcome.action, outcome.reason) for outcome in outcomes if outcome.action]
    return pd.DataFrame(reported, columns=["image", "action", "reason"], dtype="str")


def check_losses(
    quality: pd.DataFrame, images: int, max_quarantined: float, report: Path = Path("reports/quality.csv")
) -> None:
    """Raise UserError where more than the share ``max_quarantined`` (0..1) of ``images`` was quarantined."""
    lost = quality[quality["action"] == QUARANTINED]
    if len(lost) <= max_quarantined * images:
        return
    examples = "; ".join(f"{row.image}: {row.reason}" for row in lost.head(3).itertuples())
    raise UserError(
        f"{len(lost)} of {images} images ({len(lost) / images:.1%}) could not be read, more than "
        f"preprocess.max_quarantined = {max_quarantined:g} allows; first: {examples}; all: {report}"
    )


def _reserve(array: Path, shape: tuple[int, int, int]) -> None:
    """Make an array of zeros whose blocks exist on disk: a disk that fills up later would kill a writer of the map."""
    np.lib.format.open_memmap(array, mode="w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):
        with array.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, array.stat().st_size)


def _decode_all(decoder: Decoder, images: Sequence[str]) -> Iterator[Outcome]:
    """Yield the outcomes in the order of ``images``."""
    starts = range(0, len(images), CHUNK_IMAGES)
    chunks = [images[start : start + CHUNK_IMAGES] for start in starts]
    processes = _processors()
    if len(images) < PARALLEL_FROM_IMAGES or processes == 1:
        done: Iterator[list[Outcome]] = map(decoder.fill, starts, chunks)
        yield from progress(_flat(done), "decoding", "images", len(images))
        return
    # spawn: a fork would copy the threads' locks of whatever is loaded
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _start_worker, (decoder,))
    try:
        yield from progress(_flat(pool.map(_fill, starts, chunks)), "decoding", "images", len(images))
    finally:
        pool.shutdown(cancel_futures=True)


def _flat(chunks: Iterator[list[Outcome]]) -> Iterator[Outcome]:
    for chunk in chunks:
        yield from chunk


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# a worker process keeps its decoder, with the open archive, from chunk to chunk
_worker: list[Decoder] = []


def _start_worker(decoder: Decoder) -> None:
    _worker.append(decoder)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    # a worker whose parent was killed would wait for its next chunk for ever
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _fill(first_row: int, images: Sequence[str]) -> list[Outcome]:
    return _worker[0].fill(first_row, images)
