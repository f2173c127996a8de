"""Pictures to decode: phantoms enlarged to 1024 x 1024 with grain, as large on disk as NIH's; and tiny ones."""

from __future__ import annotations

import io
import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from bench.measure import processors
from thaw.phantom import draw_cohort

SIDE_PX, DRAWN_PX = 1024, 256
CHUNK = 32


def grainy(phantom: Path, seed: int) -> bytes:
    """A phantom at 1024 x 1024 with detector noise, as PNG of about the size of NIH's (0.4 MB)."""
    large = Image.open(phantom).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
    grain = 1.1 * np.random.default_rng(seed).standard_normal((SIDE_PX, SIDE_PX), dtype=np.float32)
    buffer = io.BytesIO()
    pixels = np.clip(np.asarray(large) + grain, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=2)
    return buffer.getvalue()


@contextmanager
def phantoms(count: int) -> Iterator[list[Path]]:
    """Paths of phantoms of 256 x 256 pixels, there as long as the context is open."""
    with tempfile.TemporaryDirectory() as folder:
        draw_cohort(Path(folder), count, DRAWN_PX, 0)
        yield sorted(Path(folder).rglob("*.png"))


def write_grainy(folder: Path, count: int) -> list[str]:
    """Write ``count`` different grainy pictures; returns their names."""
    folder.mkdir(parents=True)
    names = [f"{number:06}.png" for number in range(count)]
    with phantoms(min(count, 50)) as drawn:
        for number, name in enumerate(names):
            (folder / name).write_bytes(grainy(drawn[number % len(drawn)], number))
    return names


def write_tiny(folder: Path, names: Sequence[str]) -> None:
    """Write pictures of 32 x 32 pixels, of seven kinds."""
    folder.mkdir(parents=True)
    pixels = np.arange(1024, dtype=np.uint16).reshape(32, 32)
    for number, name in enumerate(names):
        Image.fromarray(((pixels * (number % 7 + 1)) % 251).astype(np.uint8)).save(folder / name)


def bare_decode(paths: Sequence[str]) -> None:
    """What any program must do at least: read and inflate the PNGs."""
    for path in paths:
        with Image.open(path) as picture:
            picture.load()


@contextmanager
def pool() -> Iterator[ProcessPoolExecutor]:
    """A process for each processor, all of them started and ready to decode."""
    with ProcessPoolExecutor(processors(), multiprocessing.get_context("spawn")) as workers:
        list(workers.map(bare_decode, [[]] * processors()))
        yield workers


def bare_decode_all(workers: ProcessPoolExecutor, paths: Sequence[str]) -> None:
    """Decode in all processes of ``pool``."""
    list(workers.map(bare_decode, [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]))
