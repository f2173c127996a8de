"""NIH's full size: 112,120 rows, archives as downloaded; how long download, labels, split and preprocess take.

Makes in FOLDER (about 3 GB, kept for later) twelve images_NNN.tar.gz with 1024 x 1024 phantom PNGs under names of the
real table, and a folder of all 112,120 names with tiny PNGs. The real table comes from the folder that the environment
variable THAW_SHARED names. The last figures are of the pipeline as it is committed.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pandas as pd

from bench.archives import write_archives
from bench.measure import (
    QUICK_ROUNDS,
    REPOSITORY,
    ROUNDS,
    Spread,
    Table,
    at_least,
    at_most,
    processors,
    seconds,
    take_turns,
)
from bench.pictures import bare_decode_all, pool, write_tiny
from bench.resident import peak_memory
from thaw.datasets.nih import read_nih_layout
from thaw.errors import UserError
from thaw.fetch import RemoteFile, fetch_all
from thaw.images.store import build_store
from thaw.splitting import split_patients

SHARED = Path(os.environ.get("THAW_SHARED", REPOSITORY.parent / "shared"))
TABLE = SHARED / "data/nih_chestxray14/metadata/Data_Entry_2017_v2020.csv.gz"
ALL_IMAGES, QUICK_IMAGES, QUICK_NAMES = 112_120, 60, 2000
USUAL = {"train": 0.7, "val": 0.15, "test": 0.15}
COLUMNS = ("what", "ratio", "goal", "measured")


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--images", type=int, default=5000, help="in the archives (5000)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"that count ({ROUNDS})")


def measure(given: argparse.Namespace) -> list[Table]:
    """Make what is missing, then measure."""
    if not TABLE.is_file():
        raise UserError(f"{TABLE} is missing; THAW_SHARED must name the folder that holds data/nih_chestxray14")
    folder, count, rounds = given.folder, given.images, given.rounds
    names = pd.read_csv(TABLE, usecols=["Image Index"])["Image Index"].tolist()
    if given.quick:
        folder, count, rounds, names = folder / "quick", QUICK_IMAGES, QUICK_ROUNDS, names[:QUICK_NAMES]
    archives, tiny = folder / "archives", folder / "tiny"
    chosen = names[:: len(names) // count][:count]
    once(archives, partial(write_archives, names=chosen, table=TABLE))
    once(tiny, partial(write_all_tiny, names=names))
    rows = [
        download(archives, rounds),
        *labels_and_split(archives, tiny, rounds),
        *preprocess(archives, rounds),
        *second_run(tiny, rounds),
    ]
    note = (
        f"{count:,} images in the archives, {len(names):,} tiny files; {processors()} processes; rounds: {rounds}, "
        "median (smallest to largest)."
    )
    return [Table("NIH's full size", COLUMNS, rows, note)]


def once(folder: Path, make: Callable[[Path], None]) -> None:
    """Make a folder that is not there yet."""
    if not folder.exists():
        part = folder.with_name(f".{folder.name}.part")
        part.mkdir(parents=True, exist_ok=True)
        make(part)
        part.rename(folder)


def write_all_tiny(folder: Path, names: list[str]) -> None:
    """All names unpacked, with pictures of 32 x 32 pixels, and the table."""
    for start in range(0, len(names), 10_000):
        write_tiny(folder / f"images_{start // 10_000 + 1:03}/images", names[start : start + 10_000])
    (folder / "Data_Entry_2017_v2020.csv").write_bytes(gzip.decompress(TABLE.read_bytes()))


def download(archives: Path, rounds: int) -> list[str]:
    """Fetch all archives from a server on this machine, checked, against hashing the same bytes alone."""
    paths = sorted(archives.glob("*.tar.gz"))
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    with served(archives) as address:
        files = remote_files(address, paths)
        speeds = take_turns(
            {
                "thaw": lambda: megabytes / seconds(partial(fetch_anew, files, archives.parent)),
                "hashing": lambda: megabytes / seconds(lambda: [digest(path) for path in paths]),
            },
            rounds,
        )
    ratio = speeds["thaw"].over(speeds["hashing"])
    return ["download and verify, against hashing in one thread", ratio.text(), "", f"{speeds['thaw'].text(0)} MB/s"]


def remote_files(address: str, paths: list[Path]) -> list[RemoteFile]:
    """The archives as files of a server, with their hashes and sizes."""
    return [RemoteFile(f"{address}/{path.name}", path.name, f"sha256:{digest(path)}", path.stat().st_size)
            for path in paths]  # fmt: skip


def fetch_anew(files: list[RemoteFile], parent: Path) -> None:
    """Fetch files into a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(dir=parent) as target:
        fetch_all(files, Path(target))


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server of a folder, a process of its own: serving must not share the fetching interpreter."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    try:
        found = re.search(r"http://[\d.:]+", server.stdout.readline())
        assert found is not None
        yield found[0]
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def labels_and_split(archives: Path, tiny: Path, rounds: int) -> list[list[str]]:
    """Read the table with the archives' lists, and with all files unpacked; split all rows."""
    table = read_nih_layout(tiny, 14, "NIH", False, ())
    work: dict[str, Callable[[], object]] = {
        "labels, from the archives": partial(read_nih_layout, archives, 14, "NIH", False, ()),
        "labels, from unpacked files": partial(read_nih_layout, tiny, 14, "NIH", False, ()),
        "split of all rows": partial(split_patients, table.table, list(table.classes), USUAL, 0),
    }
    times = take_turns({name: partial(seconds, one) for name, one in work.items()}, rounds)
    goals = {"split of all rows": 10.0}
    return [timed_row(name, time, goals.get(name)) for name, time in times.items()]


def timed_row(what: str, time: Spread, goal: float | None) -> list[str]:
    """A row of seconds, its ratio that to the goal where there is one."""
    ratio, met = ("", "") if goal is None else (time.times(1 / goal).text(), at_most(goal, time))
    return [what, ratio, met, f"{time.text(1)} s"]


def preprocess(archives: Path, rounds: int) -> list[list[str]]:
    """Decode out of the archives, against the bare decoding of the same PNGs in as many processes."""
    images = read_nih_layout(archives, 14, "NIH", False, ()).table["image"].tolist()
    with tempfile.TemporaryDirectory(dir=archives.parent) as target, pool() as workers:
        unpacked = Path(target, "unpacked")
        for path in sorted(archives.glob("*.tar.gz")):
            with tarfile.open(path) as archive:
                archive.extractall(unpacked, filter="data")
        paths = sorted(map(str, unpacked.rglob("*.png")))
        ours = partial(build_store, archives, images, 224, None, Path(target, "images.npy"))
        bare = partial(bare_decode_all, workers, paths)
        speeds = take_turns(
            {"thaw": lambda: len(images) / seconds(ours), "bare": lambda: len(images) / seconds(bare)}, rounds
        )
    with tempfile.TemporaryDirectory(dir=archives.parent) as target, peak_memory() as peak:
        build_store(archives, images, 224, None, Path(target, "images.npy"))
    ratio, memory = speeds["thaw"].over(speeds["bare"]), Spread((peak.both,))
    minutes = Spread(tuple(ALL_IMAGES / speed / 60 for speed in speeds["thaw"].figures))
    return [
        ["preprocess, against bare decoding", ratio.text(), at_least(0.9, ratio), f"{speeds['thaw'].text(1)} images/s"],
        [f"preprocess, scaled to {ALL_IMAGES:,}", "", "", f"{minutes.text(0)} min"],
        ["preprocess, peak memory of all processes", memory.times(1 / 1.5).text(), at_most(1.5, memory),
         f"{peak.both:.2f} GiB"],
    ]  # fmt: skip


def second_run(tiny: Path, rounds: int) -> list[list[str]]:
    """``dvc repro inspect`` of all unpacked images, then again with nothing changed."""
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
        inspect = partial(seconds, partial(run, ["dvc", "repro", "inspect"]))
        first = Spread((inspect(),))
        again = Spread(tuple(inspect() for _ in range(rounds)))
    return [
        timed_row("dvc repro inspect, first run", first, None),
        timed_row("dvc repro inspect, nothing changed", again, 10.0),
    ]
