"""On a GPU: training against a bare loop, and against the same loop fed by a DataLoader; peak memory.

The bare loop has its batch on the device already. It is run twice: with the deterministic algorithms that thaw asks
for, and free to choose the fastest ones. The DataLoader's workers read the same array, turn, shift, zoom and re-expose
each image on the CPU (torchvision's transforms, in the ranges of the policy light) and pin the batch.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from bench.measure import QUICK_ROUNDS, ROUNDS, Table, at_least, take_turns
from bench.training import PHASES, BareLoop, Subject, Thaw, default_settings, stored_examples, wait_for
from thaw.training.augmentation.light import BRIGHTNESS, CONTRAST, SHIFT, TURN_DEGREES, ZOOM
from thaw.training.batches import Examples
from thaw.training.device import choose_device, make_deterministic, peak_memory_gib

GOAL = 0.95
MODELS, BATCHES, WORKERS = ("resnet50", "densenet121"), (64, 128, 256, 512), 16


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="MODEL")
    parser.add_argument("--phases", nargs="+", default=list(PHASES), choices=PHASES)
    parser.add_argument("--batches", nargs="+", type=int, default=BATCHES, metavar="B", help="(64 128 256 512)")
    parser.add_argument("--images", type=int, default=4096, help="of an epoch (4096)")
    parser.add_argument("--size", type=int, default=224, help="pixels a side (224)")
    parser.add_argument("--workers", type=int, default=WORKERS, help=f"of the DataLoader ({WORKERS})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"that count ({ROUNDS})")


def measure(given: argparse.Namespace) -> list[Table]:
    """Measure every model, phase and batch size, where there is a GPU."""
    if not torch.cuda.is_available():
        print("gpu: torch finds no GPU here; nothing measured", file=sys.stderr)
        return []
    make_deterministic()
    device, rounds = choose_device("cuda"), QUICK_ROUNDS if given.quick else given.rounds
    images, batches = (1024, given.batches[:1]) if given.quick else (given.images, given.batches)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        examples = stored_examples(Path(folder), images, given.size)
        for model, name, batch in itertools.product(given.models, given.phases, batches):
            settings = default_settings(batch_size=batch, augment="light", precision="bf16")
            subject = Subject(model, PHASES[name], settings, examples, device)
            rows.append(compared(f"{model}, {name}, {batch}", subject, given.workers, rounds))
    columns = ("model, phase, batch", "to bare loop", "goal", "to free bare loop", "to DataLoader", "thaw",
               "bare loop", "free bare loop", "DataLoader", "GiB thaw", "GiB bare loop")  # fmt: skip
    note = (
        f"{images} images an epoch, {given.size} x {given.size}, bf16, augmentation light; the DataLoader has "
        f"{given.workers} workers; rounds: {rounds}, median (smallest to largest)."
    )
    return [Table("Images/s on a GPU", columns, rows, note)]


def compared(what: str, subject: Subject, workers: int, rounds: int) -> list[str]:
    """One row: ratios, images/s and peak memory of one subject."""
    peaks = [peak_gib(kind, subject) for kind in (Thaw, BareLoop)]
    bare = BareLoop(subject)

    def free() -> float:
        with free_algorithms():
            return bare()

    fed = FedLoop(subject, workers)
    found = take_turns({"thaw": Thaw(subject), "bare": bare, "free": free, "fed": fed}, rounds)
    thaw, others = found["thaw"], [found[name] for name in ("bare", "free", "fed")]
    to_bare, to_free, to_fed = (thaw.over(other) for other in others)
    speeds = [figure.text(0) for figure in (thaw, *others)]
    return [what, to_bare.text(3), at_least(GOAL, to_bare), to_free.text(3), to_fed.text(3), *speeds,
            *(f"{peak:.2f}" for peak in peaks)]  # fmt: skip


def peak_gib(kind: Callable[[Subject], Callable[[], float]], subject: Subject) -> float:
    """The most memory on the GPU while one contestant is made and trains an epoch."""
    if subject.device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(subject.device)
    kind(subject)()
    return peak_memory_gib(subject.device)


@contextmanager
def free_algorithms() -> Iterator[None]:
    """Let torch try all algorithms and take the fastest, then be as it was."""
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        make_deterministic()


class Pictures(Dataset[tuple[Tensor, Tensor]]):
    """Single images, augmented and normalised as scripts usually do it."""

    def __init__(self, examples: Examples, mean: list[float], std: list[float]) -> None:
        self.examples = examples
        zoom, shift = (1 - ZOOM, 1 + ZOOM), (SHIFT, SHIFT)
        self.change = v2.Compose([
            v2.RandomAffine(TURN_DEGREES, translate=shift, scale=zoom),
            v2.ColorJitter(brightness=BRIGHTNESS, contrast=CONTRAST),
        ])  # fmt: skip
        self.normalise = v2.Normalize(mean, std)

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        """Image (3, H, W) and labels (classes,)."""
        pixels = np.array(self.examples.pixels[self.examples.rows[place]])
        gray: Tensor = self.change(torch.from_numpy(pixels).unsqueeze(0).float() / 255)
        image: Tensor = self.normalise(gray.expand(3, -1, -1))
        return image, torch.from_numpy(self.examples.labels[place]).float()


class FedLoop:
    """The bare loop's step, its batches from a DataLoader; each call trains one epoch and returns images/s."""

    def __init__(self, subject: Subject, workers: int) -> None:
        self.bare, self.device = BareLoop(subject), subject.device
        classifier = self.bare.classifier
        pictures = Pictures(subject.examples, classifier.mean.flatten().tolist(), classifier.std.flatten().tolist())
        self.loader: DataLoader[Any] = DataLoader(
            pictures, subject.settings.batch_size, shuffle=True, num_workers=workers,
            persistent_workers=workers > 0, pin_memory=subject.device.type == "cuda", drop_last=True,
        )  # fmt: skip

    def __call__(self) -> float:
        """Train one epoch; its workers go on running for the next."""
        optimizer, layout = self.bare.prepare(), self.bare.classifier.memory_format
        seen, started = 0, time.perf_counter()
        for images, target in self.loader:
            ready = images.to(self.device, non_blocking=True).contiguous(memory_format=layout)
            self.bare.step(optimizer, ready, target.to(self.device, non_blocking=True))
            seen += len(images)
        wait_for(self.device)
        return seen / (time.perf_counter() - started)
