"""How long a picture takes before training: decoded, and drawn where it is a phantom that is not there yet."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from thaw.images.decode import UnreadableError, decode
from thaw.images.sources import open_source
from thaw.params.dataset import PhantomParams, PreprocessParams
from thaw.phantom.cohort import sample_cohort
from thaw.phantom.draw import draw_study
from thaw.planning.costs import PictureCost

SAMPLE = 50


def time_phantoms(phantom: PhantomParams, preprocess: PreprocessParams) -> PictureCost:
    """Draw the first phantoms of the cohort, write them as the stage download does, and decode them."""
    studies = sample_cohort(min(SAMPLE, phantom.images), phantom.seed)
    started = time.perf_counter()
    files = [_drawn(draw_study(study, phantom.size, phantom.seed).pixels) for study in studies]
    drawn = time.perf_counter()
    for file in files:
        decode(file, preprocess.size, preprocess.crop_from)
    count, sizes = len(files), sum(len(file) for file in files)
    return PictureCost((time.perf_counter() - drawn) / count, (drawn - started) / count, sizes / count)


def time_decoding(source_path: Path, names: Sequence[str], preprocess: PreprocessParams) -> PictureCost:
    """Decode some pictures from all over a source.

    Only those that are reached directly: the members of a compressed archive would have to be looked for from its
    start. Where none of them can be decoded, nothing is known.
    """
    wanted = [names[place * len(names) // SAMPLE] for place in range(min(SAMPLE, len(names)))]
    with open_source(source_path) as source:
        direct = [name for name in wanted if source.streamed_archive(name) is None]
        started, decoded = time.perf_counter(), 0
        for _, content in source.stream(direct):
            if isinstance(content, bytes) and _is_readable(content, preprocess):
                decoded += 1
    return PictureCost((time.perf_counter() - started) / decoded if decoded else None)


def _drawn(pixels: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png", compress_level=3)  # type: ignore[arg-type]
    return file.getvalue()


def _is_readable(content: bytes, preprocess: PreprocessParams) -> bool:
    try:
        decode(content, preprocess.size, preprocess.crop_from)
    except UnreadableError:
        return False
    return True
