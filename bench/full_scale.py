"""NIH's full size: 112,120 rows, archives as downloaded; how long download, labels, split and preprocess take.

    python bench/full_scale.py FOLDER [--images 5000]

Makes in FOLDER (about 3 GB, kept for later) twelve images_NNN.tar.gz with 1024 x 1024 phantom PNGs under names of
the real table, and a folder of all 112,120 names with tiny PNGs. The real table comes from THAW_SHARED. Prints one
line a figure; times of the images that are not there are scaled from those that are.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import itertools
import multiprocessing
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from thaw.datasets.nih import read_nih_layout
from thaw.fetch import RemoteFile, fetch_all
from thaw.images.store import build_store
from thaw.phantom import draw_cohort
from thaw.splitting import split_patients

REPOSITORY = Path(__file__).parents[1]
SHARED = Path(os.environ.get("THAW_SHARED", REPOSITORY.parent / "shared"))
TABLE = SHARED / "data/nih_chestxray14/metadata/Data_Entry_2017_v2020.csv.gz"
ARCHIVES, ALL_IMAGES, SIDE_PX, DRAWN = 12, 112_120, 1024, 250
USUAL = {"train": 0.7, "val": 0.15, "test": 0.15}
PROCESSES = len(os.sched_getaffinity(0))


def main() -> None:
    """Make what is missing, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=5000)
    given = parser.parse_args()
    names = pd.read_csv(TABLE, usecols=["Image Index"])["Image Index"].tolist()
    chosen = names[:: len(names) // given.images][: given.images]
    once(given.folder / "archives", partial(make_archives, chosen))
    once(given.folder / "tiny", partial(make_tiny, names))
    measure_download(given.folder / "archives")
    measure_labels_and_split(given.folder)
    measure_preprocess(given.folder / "archives", given.images)
    measure_second_run(given.folder / "tiny")


def once(folder: Path, make: Callable[[Path], None]) -> None:
    """Make a folder that is not there yet."""
    if not folder.exists():
        part = folder.with_name(f".{folder.name}.part")
        part.mkdir(parents=True, exist_ok=True)
        make(part)
        part.rename(folder)


def make_archives(names: list[str], folder: Path) -> None:
    """Twelve archives of distinct pictures: phantoms of 256 px enlarged, each with grain of its own."""
    with tempfile.TemporaryDirectory() as drawings:
        draw_cohort(Path(drawings), DRAWN, 256, 0)
        phantoms = sorted(map(str, Path(drawings).rglob("*.png")))
        jobs = [(names[start : start + share], phantoms, folder / f"images_{number:03}.tar.gz")
                for number, (start, share) in enumerate(shares(len(names)), start=1)]  # fmt: skip
        with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
            list(pool.map(write_archive, jobs))
    (folder / TABLE.name).write_bytes(TABLE.read_bytes())


def shares(count: int) -> Iterator[tuple[int, int]]:
    """First position and number of the images of each archive: consecutive, as NIH packs them."""
    bounds = np.linspace(0, count, ARCHIVES + 1).astype(int)
    yield from ((int(start), int(end - start)) for start, end in itertools.pairwise(bounds))


def write_archive(job: tuple[list[str], list[str], Path]) -> None:
    """One archive of ``images/<name>``."""
    names, phantoms, path = job
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name in names:
            seed = int(name[:8]) * 1000 + int(name[9:12])
            content = grainy(phantoms[seed % len(phantoms)], seed)
            member = tarfile.TarInfo(f"images/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def grainy(phantom: str, seed: int) -> bytes:
    """A phantom at 1024 x 1024 with detector noise, as PNG of about the size of NIH's (0.4 MB)."""
    large = Image.open(phantom).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
    grain = 1.1 * np.random.default_rng(seed).standard_normal((SIDE_PX, SIDE_PX), dtype=np.float32)
    buffer = io.BytesIO()
    pixels = np.clip(np.asarray(large) + grain, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=2)
    return buffer.getvalue()


def make_tiny(names: list[str], folder: Path) -> None:
    """All 112,120 names unpacked, with pictures of 32 x 32 pixels."""
    pixels = np.arange(1024, dtype=np.uint16).reshape(32, 32)
    for start in range(0, len(names), 10_000):
        images = folder / f"images_{start // 10_000 + 1:03}/images"
        images.mkdir(parents=True)
        for number, name in enumerate(names[start : start + 10_000]):
            Image.fromarray(((pixels * (number % 7 + 1)) % 251).astype(np.uint8)).save(images / name)
    (folder / "Data_Entry_2017_v2020.csv").write_bytes(gzip.decompress(TABLE.read_bytes()))


class Quiet(SimpleHTTPRequestHandler):
    """A file server that logs nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def measure_download(archives: Path) -> None:
    """Fetch all archives from a server on this machine, checked, against hashing the same bytes alone."""
    started = time.perf_counter()
    digests = {path: digest(path) for path in sorted(archives.glob("*.tar.gz"))}
    hashing = time.perf_counter() - started
    total = sum(path.stat().st_size for path in digests)
    server = subprocess.Popen(
        [sys.executable, __file__, "serve", str(archives)], stdout=subprocess.PIPE, text=True
    )  # a process of its own: serving must not share the fetching interpreter
    assert server.stdout is not None
    port = int(server.stdout.readline())
    files = [RemoteFile(f"http://127.0.0.1:{port}/{path.name}", path.name, f"sha256:{value}", path.stat().st_size)
             for path, value in digests.items()]  # fmt: skip
    with tempfile.TemporaryDirectory(dir=archives.parent) as target:
        started = time.perf_counter()
        fetch_all(files, Path(target))
        seconds = time.perf_counter() - started
    server.terminate()
    server.wait()
    say("download and verify", f"{total / seconds / 1e6:,.0f} MB/s ({total / 1e9:.2f} GB in {seconds:.1f} s); hashing "
        f"alone, one thread: {total / hashing / 1e6:,.0f} MB/s")  # fmt: skip


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def serve(folder: str) -> None:
    """Serve a folder on any free port, which is printed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    print(server.server_address[1], flush=True)
    server.serve_forever()


def measure_labels_and_split(folder: Path) -> None:
    """Read the table with the archives' lists, and with 112,120 files; split all rows."""
    for kind in ("archives", "tiny"):
        started = time.perf_counter()
        dataset = read_nih_layout(folder / kind, 14, "NIH", False, ())
        seconds = time.perf_counter() - started
        say(f"labels, {kind}", f"{seconds:.1f} s for {len(dataset.table):,} images that are there")
    started = time.perf_counter()
    split_patients(dataset.table, list(dataset.classes), USUAL, 0)
    say("split of all rows", f"{time.perf_counter() - started:.1f} s for {len(dataset.table):,} rows")


def measure_preprocess(archives: Path, count: int) -> None:
    """Decode out of the archives, against the bare decoding of the same PNGs in as many processes."""
    dataset = read_nih_layout(archives, 14, "NIH", False, ())
    images = dataset.table["image"].tolist()
    with tempfile.TemporaryDirectory(dir=archives.parent) as target:
        with peak_memory() as peak:
            started = time.perf_counter()
            quality = build_store(archives, images, 224, None, Path(target, "images.npy"))
            ours = count / (time.perf_counter() - started)
        assert quality.empty
        unpacked = Path(target, "unpacked")
        for path in sorted(archives.glob("*.tar.gz")):
            with tarfile.open(path) as archive:
                archive.extractall(unpacked, filter="data")
        paths = sorted(map(str, unpacked.rglob("*.png")))
        with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
            list(pool.map(bare_decode, [paths[:1]] * PROCESSES))
            started = time.perf_counter()
            list(pool.map(bare_decode, [paths[start : start + 32] for start in range(0, len(paths), 32)]))
            bare = count / (time.perf_counter() - started)
    minutes = ALL_IMAGES / ours / 60
    say("preprocess", f"{ours:.1f} images/s, {ours / bare:.2f} of bare decoding ({bare:.1f}); {PROCESSES} processes")
    say("preprocess, scaled", f"{minutes:.0f} min for all {ALL_IMAGES:,}")
    say("preprocess, peak memory", f"{peak[0]:.2f} GiB, all processes together")


def bare_decode(paths: list[str]) -> None:
    """What any program must do at least: read and inflate the PNGs."""
    for path in paths:
        with Image.open(path) as picture:
            picture.load()


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """The largest sum of proportional set sizes of this process and its children, GiB, sampled 5 times a second."""
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            peak[0] = max(peak[0], tree_gib())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def tree_gib() -> float:
    """Proportional set size of this process and its children."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    total = 0
    for pid in (str(os.getpid()), *children):
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total / 2**20


def measure_second_run(tiny: Path) -> None:
    """``dvc repro inspect`` of all 112,120 unpacked images, then again with nothing changed."""
    with tempfile.TemporaryDirectory(dir=tiny.parent) as clone:
        run = partial(subprocess.run, cwd=clone, check=True, capture_output=True)
        run(["git", "clone", "-q", str(REPOSITORY), "."])
        changes = {"name: phantom ": "name: nih ", "path: data/raw/phantom ": f"path: {tiny} ", "size: 224": "size: 32"}
        params = Path(clone, "params.yaml")
        text = params.read_text()
        for old, new in changes.items():
            assert old in text, old
            text = text.replace(old, new, 1)
        params.write_text(text)
        for name in ("first", "second"):
            started = time.perf_counter()
            run(["dvc", "repro", "inspect"])
            say(f"dvc repro inspect, {name} run", f"{time.perf_counter() - started:.1f} s for {ALL_IMAGES:,} files")


def say(what: str, figure: str) -> None:
    """One line of the result."""
    print(f"{what}: {figure}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2])
    else:
        main()
