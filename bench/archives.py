"""Archives as NIH packs them: twelve images_NNN.tar.gz of distinct grainy pictures, and the table beside them."""

from __future__ import annotations

import io
import itertools
import multiprocessing
import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from bench.measure import processors
from bench.pictures import grainy, phantoms

ARCHIVES, DRAWN = 12, 250


def write_archives(folder: Path, names: Sequence[str], table: Path) -> None:
    """Write pictures under ``names`` of the real table, and a copy of the table."""
    with phantoms(DRAWN) as drawn:
        jobs = [(names[start : start + share], drawn, folder / f"images_{number:03}.tar.gz")
                for number, (start, share) in enumerate(shares(len(names)), start=1)]  # fmt: skip
        with ProcessPoolExecutor(processors(), multiprocessing.get_context("spawn")) as workers:
            list(workers.map(_write_archive, jobs))
    (folder / table.name).write_bytes(table.read_bytes())


def shares(count: int) -> Iterator[tuple[int, int]]:
    """First position and number of the images of each archive: consecutive, as NIH packs them."""
    bounds = np.linspace(0, count, ARCHIVES + 1).astype(int)
    yield from ((int(start), int(end - start)) for start, end in itertools.pairwise(bounds))


def _write_archive(job: tuple[Sequence[str], list[Path], Path]) -> None:
    names, drawn, path = job
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name in names:
            seed = int(name[:8]) * 1000 + int(name[9:12])
            content = grainy(drawn[seed % len(drawn)], seed)
            member = tarfile.TarInfo(f"images/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
