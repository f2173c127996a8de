"""What benchmarks of training share: the same model, part and images for thaw's own trainer and for a bare loop."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.measure import REPOSITORY, ROUNDS
from thaw import strategies
from thaw.backbones.classifier import Classifier, build_classifier
from thaw.params.read import read_params
from thaw.params.schema import TrainParams
from thaw.params.strategy import Phase
from thaw.training.batches import Examples
from thaw.training.device import Precision, autocast, choose_precision, keep_freed_memory, make_deterministic
from thaw.training.engine import Trainer
from thaw.training.inference import predict_logits
from thaw.training.state import Epoch
from thaw.training.step import make_optimizer

CLASSES = 14  # as many as NIH's labels
PHASES: Mapping[str, Any] = {"frozen": "head", "partial": {"last": 2}, "full": "all"}
# so small that a network with random weights stays finite on noise
RATE = 1e-5


@dataclass(frozen=True)
class Subject:
    """What is trained: by thaw, and by whatever it is compared with.

    Attributes:
        model: the backbone, with random weights.
        thaw: the part that is trained, as in params.yaml.
        settings: ``train`` of params.yaml.
        examples: the images.
        device: where.
    """

    model: str
    thaw: Any
    settings: TrainParams
    examples: Examples
    device: torch.device

    @property
    def precision(self) -> Precision:
        """That of the settings, or the rule's; on a CPU the pipeline's own is measured by its stage probe."""
        return choose_precision(self.settings.precision, self.device)

    @property
    def phase(self) -> Phase:
        """One epoch of that part."""
        return Phase.model_validate({"thaw": self.thaw, "epochs": 1, "lr": RATE})

    def classifier(self) -> Classifier:
        """The network, the same for everyone."""
        classifier = build_classifier(self.model, CLASSES, 0, None, self.examples.pixels.shape[1]).to(self.device)
        classifier.set_channels_last(self.settings.channels_last is not False)
        return classifier

    def coloured(self, classifier: Classifier, gray: Tensor) -> Tensor:
        """Images (B, 1, H, W) in [0, 1] as the library's network takes them: three channels, normalised."""
        images = (gray - classifier.mean) / classifier.std
        return images.contiguous(memory_format=classifier.memory_format)


def add_shape_options(parser: argparse.ArgumentParser, images: int) -> None:
    """How large an epoch and a step are, and how often they are measured."""
    parser.add_argument("--images", type=int, default=images, help=f"of an epoch ({images})")
    parser.add_argument("--size", type=int, default=224, help="pixels a side (224)")
    parser.add_argument("--batch", type=int, default=32, help="images a step (32)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"that count ({ROUNDS})")


def begin_as_stages_do() -> None:
    """What every stage that trains asks of torch and of the C library."""
    make_deterministic()
    keep_freed_memory()


def default_settings(**changes: Any) -> TrainParams:
    """``train`` of the repository's params.yaml, some of it changed."""
    settings: TrainParams = read_params("train", path=REPOSITORY / "params.yaml").train
    return TrainParams.model_validate({**settings.model_dump(), **changes})


def stored_examples(folder: Path, count: int, size_px: int) -> Examples:
    """Noise and random labels; the pixels are memory-mapped from a file in ``folder``, as in the pipeline."""
    random, path = np.random.default_rng(0), folder / f"images_{count}_{size_px}.npy"
    np.save(path, random.integers(0, 256, (count, size_px, size_px), dtype=np.uint8))
    labels = random.integers(0, 2, (count, CLASSES))
    return Examples(np.load(path, mmap_mode="r"), np.arange(count), labels)


def wait_for(device: torch.device) -> None:
    """Let a GPU finish what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Thaw:
    """Thaw's trainer: each call trains one epoch and returns its images/s, as history.csv has them."""

    def __init__(self, subject: Subject) -> None:
        self.subject, self.classifier = subject, subject.classifier()

    def __call__(self) -> float:
        """Train an epoch from where the last one ended; returns images/s."""
        subject, epochs = self.subject, list[Epoch]()
        few = Examples(subject.examples.pixels, subject.examples.rows[:2], subject.examples.labels[:2])
        trainer = Trainer(
            self.classifier, subject.examples, few, "multilabel", subject.settings, 0, subject.device, subject.precision
        )
        trainer.fit([subject.phase], epochs.append)
        return epochs[0].images_per_second


class BareLoop:
    """The limit: forward, loss, backward and step on one batch that is ready on the device, and nothing else."""

    def __init__(self, subject: Subject) -> None:
        self.subject, self.classifier = subject, subject.classifier()
        self.plan = strategies.plans(self.classifier, subject.phase)[0]
        size = min(subject.settings.batch_size, len(subject.examples))
        gray, self.target = subject.examples.batch(torch.arange(size), subject.device)
        self.images = subject.coloured(self.classifier, gray)

    def __call__(self) -> float:
        """Train about as many images as an epoch has; returns images/s."""
        optimizer = self.prepare()
        steps = len(self.subject.examples) // len(self.images)
        started = time.perf_counter()
        for _ in range(steps):
            self.step(optimizer, self.images, self.target)
        wait_for(self.subject.device)
        return steps * len(self.images) / (time.perf_counter() - started)

    def prepare(self) -> torch.optim.Optimizer:
        """Thaw what the phase thaws; returns an optimizer of it."""
        strategies.apply(self.classifier, self.plan)
        strategies.set_training(self.classifier, self.plan)
        settings = self.subject.settings
        groups = strategies.optimizer_groups(self.classifier, [self.plan], settings.weight_decay)
        wait_for(self.subject.device)
        return make_optimizer(settings.optimizer, groups)

    def step(self, optimizer: torch.optim.Optimizer, images: Tensor, target: Tensor) -> None:
        """One step on images (B, 3, H, W) and their labels (B, classes)."""
        optimizer.zero_grad(set_to_none=True)
        with autocast(self.subject.device, self.subject.precision):
            logits = self.classifier.network(images)
        F.binary_cross_entropy_with_logits(logits.float(), target).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def evaluation_rate(thaw: Thaw) -> float:
    """Images/s of ``predict_logits``."""
    subject = thaw.subject
    started = time.perf_counter()
    predict_logits(thaw.classifier, subject.examples, subject.settings.batch_size, subject.device, subject.precision)
    return len(subject.examples) / (time.perf_counter() - started)


@torch.no_grad()
def bare_evaluation_rate(bare: BareLoop) -> float:
    """Images/s of forward passes alone, on the batch of the bare loop."""
    strategies.set_evaluation(bare.classifier)
    steps = len(bare.subject.examples) // len(bare.images)
    started = time.perf_counter()
    for _ in range(steps):
        with autocast(bare.subject.device, bare.subject.precision):
            bare.classifier.network(bare.images)
    wait_for(bare.subject.device)
    return steps * len(bare.images) / (time.perf_counter() - started)
