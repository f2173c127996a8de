"""All pictures decoded once, in parallel, into one array that can be memory-mapped."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from thaw.errors import UserError
from thaw.files import replacing
from thaw.images.sources import ImageSource, open_source
from thaw.images.workers import CONVERTED as CONVERTED  # also for those who import store
from thaw.images.workers import QUARANTINED as QUARANTINED
from thaw.images.workers import Decoder, Outcome, Workers
from thaw.progress import progress

PARALLEL_FROM_IMAGES = 200  # below, starting processes takes longer than decoding


def build_store(
    source_path: Path, images: Sequence[str], size_px: int, crop_from_px: int | None, target: Path
) -> pd.DataFrame:
    """Decode ``images`` of a source into ``target``, an .npy that can be memory-mapped.

    No process holds more than 32 decoded pictures and the compressed bytes of one.

    Args:
        source_path: A folder, .zip, .tar or .tar.gz.
        images: Paths inside the source; the rows keep their order.
        size_px, crop_from_px: See ``thaw.images.decode.decode``.
        target: Becomes uint8 (len(images), size_px, size_px); the row of a quarantined image stays zero.

    Returns:
        ``image, action, reason``: one row for each image that was quarantined or converted, in the order of
        ``images``.

    Raises:
        UserError: The source cannot be opened, the disk is full, or a decoding process died.
    """
    try:
        with open_source(source_path) as source, replacing(target) as array:
            first_byte = _reserve(array, (len(images), size_px, size_px))
            decoder = Decoder(source, array, first_byte, size_px, crop_from_px)
            # closed at once: an error must end the workers before their array is removed
            with closing(_decode_all(decoder, images)) as outcomes:
                counted = progress(outcomes, "decoding", "images", len(images))
                reported = sorted((outcome for outcome in counted if outcome.action), key=lambda outcome: outcome.row)
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error})") from error
    rows = [(outcome.image, outcome.action, outcome.reason) for outcome in reported]
    return pd.DataFrame(rows, columns=["image", "action", "reason"], dtype="str")


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


def _reserve(array: Path, shape: tuple[int, int, int]) -> int:
    """Make an array of zeros and return its header's length.

    Its blocks exist on disk at once: a full disk is told now, not after an hour of decoding.
    """
    rows = np.lib.format.open_memmap(array, mode="w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):
        with array.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, array.stat().st_size)
    return int(rows.offset)


def _decode_all(decoder: Decoder, images: Sequence[str]) -> Generator[Outcome]:
    """Yield the outcomes as they come, in no order."""
    rows: dict[str, list[int]] = {}
    for row, image in enumerate(images):
        rows.setdefault(image, []).append(row)
    processes = _processors()
    if processes == 1 or (len(images) < PARALLEL_FROM_IMAGES and not _is_streamed(decoder.source, rows)):
        for done in decoder.outcomes(rows):
            yield from done
        return
    jobs = [{name: rows[name] for name in names} for names in decoder.source.batches(rows, processes)]
    with Workers(decoder, min(processes, len(jobs))) as workers:
        yield from workers.outcomes(jobs)


def _is_streamed(source: ImageSource, names: dict[str, list[int]]) -> bool:
    return any(source.streamed_archive(name) is not None for name in names)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
