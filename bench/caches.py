"""Each cache on against off: the same figures, how much faster, how much disk.

Frozen activations: the first cell, which fills the cache, and a later one, which finds it filled, against one that
computes them in every epoch; EfficientNet-Lite0 with its pretrained weights on drawn X-rays. Where every epoch is
augmented anew, only what frozen blocks give for validation images is kept. Decoded images: an epoch's batches out of
the array, against decoding and resizing the PNGs again.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from bench.measure import QUICK_ROUNDS, ROUNDS, Spread, Table, seconds, take_turns
from bench.pictures import write_grainy
from bench.training import begin_as_stages_do, default_settings
from thaw.backbones.classifier import build_classifier
from thaw.backbones.pretrained import IMAGENET, fetch
from thaw.images.store import build_store
from thaw.params.schema import TrainParams
from thaw.params.strategy import Phase
from thaw.phantom import draw_cohort
from thaw.training.batches import Examples, ordered_batches
from thaw.training.device import Precision, choose_device
from thaw.training.engine import Trainer
from thaw.training.state import Epoch
from thaw.training.store import Store

MODEL, SIZE_PX, DRAWN_PX = "efficientnet_lite0", 224, 256
FINDINGS = ("Infiltration", "Effusion", "Atelectasis", "Nodule")
PHASES: Mapping[str, tuple[Any, float]] = {"head": ("head", 0.01), "last two blocks": ({"last": 2}, 0.001)}
VIEWS: Mapping[str, dict[str, Any]] = {
    "no augmentation": {"augment": "none"},
    "two views": {"augment": "light", "frozen_views": 2},
    "ever new augmentation": {"augment": "light", "frozen_views": None},
}
MIB = 2**20
LIMIT_GIB = 20.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--images", type=int, default=300, help="to train on; a fifth as many validate (300)")
    parser.add_argument("--epochs", type=int, default=5, help="of a phase (5)")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"that count ({ROUNDS})")


def measure(given: argparse.Namespace) -> list[Table]:
    """Train with and without; decode once and in every epoch."""
    begin_as_stages_do()
    images, epochs, rounds = (40, 3, QUICK_ROUNDS) if given.quick else (given.images, given.epochs, given.rounds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train, val = phantom_examples(folder, images)
        weights = fetch(MODEL, IMAGENET)
        rows = []
        for part, (thaw, rate) in PHASES.items():
            for views, changes in VIEWS.items():
                settings = default_settings(device="cpu", precision=given.precision, **changes)
                phase = Phase.model_validate({"thaw": thaw, "epochs": epochs, "lr": rate})
                subject = Subject(settings, phase, train, val, weights, folder / f"{part}-{views}")
                rows.append(activation_row(f"{part}, {views}", subject, rounds))
        decoding = decoding_row(folder / "png", images, rounds)
    note = (
        f"{MODEL}, {images} + {images // 5} phantoms of {SIZE_PX} x {SIZE_PX}, {epochs} epochs, {given.precision}; "
        f"rounds: {rounds}, median (smallest to largest). Differences are the largest of any epoch; kept activations "
        "were computed in other batches than the epoch's, which moves their last bits. Goal: at most 0.001 of the loss."
    )
    return [
        Table("Frozen activations, kept against computed in every epoch",
              ("what", "speed-up, first cell", "speed-up, later cells", "difference in validation loss", "in AUROC",
               "cell without, s", "MiB of disk"), rows, note),
        Table("Decoded images, an epoch out of the array against decoding again",
              ("what", "speed-up", "array, s", "decoding, s", "MiB of disk"), [decoding],
              "PNGs of 1024 x 1024; the first decoding, into the array, is not in the array's time."),
    ]  # fmt: skip


@dataclass
class Subject:
    """A cell that is trained with and without kept activations.

    Attributes:
        folder: of the cache.
        epochs: of the last training of each kind.
    """

    settings: TrainParams
    phase: Phase
    train: Examples
    val: Examples
    weights: Mapping[str, torch.Tensor] | None
    folder: Path
    epochs: dict[str, list[Epoch]] = field(default_factory=dict)

    def trained(self, kind: str) -> float:
        """Train a cell without the cache (off), filling it (first) or finding it filled (later); returns seconds."""
        precision: Precision = "bf16" if self.settings.precision == "bf16" else "fp32"
        store = None if kind == "off" else Store(self.folder, LIMIT_GIB, "these phantoms")
        if kind == "first":
            for path in self.folder.glob("*"):
                path.unlink()
        classifier = build_classifier(MODEL, len(FINDINGS), 0, self.weights, SIZE_PX)
        trainer = Trainer(
            classifier, self.train, self.val, "multilabel", self.settings, 0, choose_device("cpu"), precision,
            store=store,
        )  # fmt: skip
        self.epochs[kind] = []
        return seconds(lambda: trainer.fit([self.phase], self.epochs[kind].append))


def activation_row(what: str, subject: Subject, rounds: int) -> list[str]:
    """Speed-ups, differences and disk of one part and one way to augment."""
    times = take_turns({kind: partial(subject.trained, kind) for kind in ("off", "first", "later")}, rounds)
    pairs = [pair for kind in ("first", "later")
             for pair in zip(subject.epochs["off"], subject.epochs[kind], strict=True)]  # fmt: skip
    loss = max(abs(one.val.loss - other.val.loss) for one, other in pairs)
    auroc = max(abs((one.val.auroc_macro or 0) - (other.val.auroc_macro or 0)) for one, other in pairs)
    size = sum(path.stat().st_size for path in subject.folder.glob("*.bin"))
    return [what, times["off"].over(times["first"]).text(), times["off"].over(times["later"]).text(), f"{loss:.1e}",
            f"{auroc:.1e}", times["off"].text(1), f"{size / MIB:.1f}"]  # fmt: skip


def phantom_examples(folder: Path, images: int) -> tuple[Examples, Examples]:
    """Drawn X-rays in one array: training and validation images, and whether each finding is named."""
    count = images + images // 5
    draw_cohort(folder / "phantom", count, DRAWN_PX, 0)
    table = pd.read_csv(folder / "phantom/Data_Entry_2017.csv").head(count)
    paths = [f"images_001/images/{name}" for name in table["Image Index"]]
    build_store(folder / "phantom", paths, SIZE_PX, None, folder / "images.npy")
    named = table["Finding Labels"].str.split("|")
    labels = np.array([[finding in names for finding in FINDINGS] for names in named], dtype=np.int64)
    pixels, rows = np.load(folder / "images.npy", mmap_mode="r"), np.arange(count)
    return Examples(pixels, rows[:images], labels[:images]), Examples(pixels, rows[images:], labels[images:])


def decoding_row(folder: Path, images: int, rounds: int) -> list[str]:
    """An epoch's images out of the array, and decoded again."""
    names = write_grainy(folder, images)
    array = folder.with_suffix(".npy")
    build_store(folder, names, SIZE_PX, None, array)
    examples = Examples(np.load(array, mmap_mode="r"), np.arange(images), np.zeros((images, 1), dtype=np.int64))

    def from_array() -> None:
        for positions in ordered_batches(images, 32):
            examples.batch(positions, torch.device("cpu"))

    def decode() -> None:
        build_store(folder, names, SIZE_PX, None, folder.with_suffix(".again.npy"))

    times: dict[str, Spread] = take_turns(
        {"array": partial(seconds, from_array), "decode": partial(seconds, decode)}, rounds
    )
    ratio = times["decode"].over(times["array"])
    return [f"{images} images", ratio.text(0), times["array"].text(3), times["decode"].text(2),
            f"{array.stat().st_size / MIB:.1f}"]  # fmt: skip
