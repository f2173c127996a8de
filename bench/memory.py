"""Peak memory of training the head on 112,120 images of 224 x 224, the array of them memory-mapped (5.6 GB).

The array is a file without content, so it takes no disk; its pages are read like any others. Each round is a process of
its own. It begins an epoch over all images with thaw's trainer, stops after some batches, then takes every remaining
batch out of the array, as the epoch would. The program's own memory is what must be there; pages of the array count as
the process's too, but the system takes them back whenever it needs the memory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure import QUICK_ROUNDS, REPOSITORY, ROUNDS, Spread, Table, at_most

GOAL_GIB, ALL_IMAGES, SIZE_PX = 2.0, 112_120, 224
QUICK_IMAGES, QUICK_STEPS = 5_000, 3


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--images", type=int, default=ALL_IMAGES, help=f"in the array ({ALL_IMAGES})")
    parser.add_argument("--steps", type=int, default=30, help="batches that are trained on (30)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"processes ({ROUNDS})")


def measure(given: argparse.Namespace) -> list[Table]:
    """Run the processes; returns their peaks while training and while reading the whole array."""
    images, steps, rounds = given.images, given.steps, given.rounds
    if given.quick:
        images, steps, rounds = QUICK_IMAGES, QUICK_STEPS, QUICK_ROUNDS
    if not Path("/proc/self/smaps_rollup").is_file():
        print("memory: only Linux tells a program's own memory from pages of files; nothing measured", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "images.npy")
        np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(images, SIZE_PX, SIZE_PX))
        found = [trained_apart(path, given.model, steps) for _ in range(rounds)]
    rows = [row(what, [one[what] for one in found]) for what in found[0]]
    columns = ("while", "own, of the goal", "goal, GiB", "own", "pages of files", "own and files")
    note = (
        f"{images:,} images, {given.model}, head only, {steps} batches; GiB, proportional set sizes; processes: "
        f"{rounds}, median (smallest to largest). The goal is for the program's own memory."
    )
    return [Table("Peak memory of training", columns, rows, note)]


def row(what: str, peaks: list[dict[str, float]]) -> list[str]:
    """One line: the peaks of all processes in one stretch."""
    own, files, both = (Spread(tuple(peak[name] for peak in peaks)) for name in ("own", "files", "both"))
    return [what, own.times(1 / GOAL_GIB).text(), at_most(GOAL_GIB, own), own.text(), files.text(),
            both.text()]  # fmt: skip


def trained_apart(path: Path, model: str, steps: int) -> dict[str, dict[str, float]]:
    """The peaks of one process, by stretch."""
    program = [sys.executable, "-m", "bench.memory", str(path), model, str(steps)]
    output = subprocess.run(program, check=True, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY).stdout
    peaks: dict[str, dict[str, float]] = json.loads(output.splitlines()[-1])
    return peaks


def train_and_read(path: Path, model: str, steps: int) -> dict[str, dict[str, float]]:
    """Train for some batches, then read all images once, in the order of an epoch."""
    # imported here: the process that only starts others does without torch
    import torch

    from bench.resident import peak_memory
    from bench.training import CLASSES, PHASES, Subject, Thaw, default_settings
    from thaw.training.batches import Examples, cut
    from thaw.training.device import choose_device, keep_freed_memory, make_deterministic

    class EnoughError(Exception):
        """So many batches were trained on."""

    left = iter(range(steps))

    def count(*_: Any) -> None:
        if next(left, None) is None:
            raise EnoughError

    make_deterministic()
    keep_freed_memory()
    pixels = np.load(path, mmap_mode="r")
    labels = np.random.default_rng(0).integers(0, 2, (len(pixels), CLASSES))
    examples = Examples(pixels, np.arange(len(pixels)), labels)
    device = choose_device("cpu")
    thaw = Thaw(Subject(model, PHASES["frozen"], default_settings(), examples, device))
    thaw.classifier.register_forward_pre_hook(count)
    with peak_memory() as training, contextlib.suppress(EnoughError):
        thaw()
    with peak_memory() as reading:
        for positions in cut(torch.randperm(len(examples)), thaw.subject.settings.batch_size):
            examples.batch(positions, device)
    return {"training": asdict(training), "reading the whole array": asdict(reading)}


if __name__ == "__main__":
    print(json.dumps(train_and_read(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
