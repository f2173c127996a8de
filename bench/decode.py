"""Decoding a folder of PNGs into one array of 224 x 224, against bare Pillow in as many processes.

Bare Pillow reads and inflates each picture and does nothing with it, in processes that are running already.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

from bench.measure import QUICK_ROUNDS, ROUNDS, Table, at_least, processors, seconds, take_turns
from bench.pictures import SIDE_PX, bare_decode, bare_decode_all, pool, write_grainy
from thaw.images.store import PARALLEL_FROM_IMAGES, build_store

GOAL, QUICK_IMAGES, SIZE_PX = 0.9, 24, 224


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--images", type=int, default=600, help="how many pictures to make and decode (600)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"that count ({ROUNDS})")


def measure(given: argparse.Namespace) -> list[Table]:
    """Make the pictures, then decode them both ways."""
    count, rounds = (QUICK_IMAGES, QUICK_ROUNDS) if given.quick else (given.images, given.rounds)
    with tempfile.TemporaryDirectory() as folder, pool() as workers:
        source = Path(folder, "pictures")
        names = write_grainy(source, count)
        megabytes = sum(path.stat().st_size for path in source.iterdir()) / count / 1e6
        paths = [str(source / name) for name in names]
        parallel = count >= PARALLEL_FROM_IMAGES
        bare = partial(bare_decode_all, workers, paths) if parallel else partial(bare_decode, paths)
        ours = partial(build_store, source, names, SIZE_PX, None, Path(folder, "images.npy"))
        figures = take_turns({"thaw": lambda: count / seconds(ours), "bare": lambda: count / seconds(bare)}, rounds)
    ratio = figures["thaw"].over(figures["bare"])
    row = [f"{count} PNGs in a folder", ratio.text(3), at_least(GOAL, ratio), figures["thaw"].text(1),
           figures["bare"].text(1)]  # fmt: skip
    note = (
        f"{SIDE_PX} x {SIDE_PX} pixels, {megabytes:.2f} MB each; processes: {processors() if parallel else 1}; "
        f"rounds: {rounds}, median (smallest to largest)."
    )
    return [Table("Images/s decoded", ("what", "ratio", "goal", "thaw", "bare Pillow"), [row], note)]
