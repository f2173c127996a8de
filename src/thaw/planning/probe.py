"""The measured probe: thaw's own trainer on a few images of noise, once for everything that a strategy may thaw.

What kept activations save shows by itself: an epoch that fills the store and one that finds everything there are both
measured, whichever epoch or strategy is to fill it in the end.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from thaw import strategies
from thaw.backbones.classifier import Classifier, build_classifier
from thaw.labels import Task
from thaw.params.schema import TrainParams
from thaw.params.strategy import Phase
from thaw.planning.costs import ModelCost, Pace, PlanCost, Stretch
from thaw.strategies import Plan
from thaw.training.batches import Examples
from thaw.training.device import (
    Precision,
    choose_device,
    device_name,
    keep_freed_memory,
    make_deterministic,
    peak_memory_gib,
)
from thaw.training.engine import Trainer
from thaw.training.inference import predict_logits
from thaw.training.state import Epoch
from thaw.training.store import Store

MOST_BATCHES = 4
EPOCH_SECONDS = 6.0  # a slow network is measured on fewer batches
RATE = 1e-6  # noise must not make the loss infinite; the rate does not change the time


@dataclass(frozen=True)
class Question:
    """What is to be measured of one backbone.

    Attributes:
        model: the backbone.
        strategies: the phases of each strategy.
        images: the most training images that there are.
        classes, task: of the labels.
        size_px: side of the images.
        train: settings of training.
        evaluate_batch: images at a time in evaluation.
    """

    model: str
    strategies: Mapping[str, Sequence[Phase]]
    images: int
    classes: int
    task: Task
    size_px: int
    train: TrainParams
    evaluate_batch: int


@dataclass(frozen=True)
class _Step:
    """Epochs of a phase that thaw the same, and a phase that measures them."""

    epochs: int
    adapts: bool
    phase: Phase
    plan: Plan
    shares: bool

    @property
    def thawed(self) -> tuple[tuple[str, ...], ...]:
        """What moves; steps that move the same take the same time, whatever their rates."""
        return tuple(tuple(names) for names in self.plan.description().values())

    @property
    def is_whole(self) -> bool:
        """Whether the first block moves: then there is nothing to keep, and every epoch takes the same."""
        return next(iter(self.plan.blocks.values())) is not None


def measure(question: Question, precision: Precision) -> ModelCost:
    """Train on a few images with everything that the strategies may thaw, and predict.

    Args:
        question: what is to be measured.
        precision: of training and evaluation.

    Raises:
        UserError: a strategy does not fit the backbone.
    """
    make_deterministic()
    keep_freed_memory()
    classifier = build_classifier(question.model, question.classes, 0, None, question.size_px)
    steps = {name: list(_steps(classifier, phases)) for name, phases in question.strategies.items()}
    device = choose_device(question.train.device)
    probe = _Probe(question, classifier, device, precision)
    distinct = {step.thawed: step for several in steps.values() for step in several}
    # from the least to the most that is trained, since the peak of a process never falls; evaluation, which has no
    # gradients but more images at once, comes before what trains the whole network
    in_order = sorted(distinct.values(), key=lambda step: strategies.trainable_parameters([step.plan], classifier))
    ready = probe.ready()
    costs = {step.thawed: probe.train(step) for step in in_order if not step.is_whole}
    forward, evaluate_gib = probe.evaluate()
    costs |= {step.thawed: probe.train(step) for step in in_order if step.is_whole}
    return ModelCost(
        device=f"{device_name(device)}, {precision}",
        weights_bytes=sum(tensor.nbytes for tensor in classifier.network.state_dict().values()),
        precision_seconds=0.0,
        ready_seconds=ready,
        forward_seconds=forward,
        evaluate_gib=evaluate_gib,
        strategies={
            name: [Stretch(step.epochs, step.adapts, costs[step.thawed], step.shares) for step in several]
            for name, several in steps.items()
        },
    )


def _steps(classifier: Classifier, phases: Sequence[Phase]) -> Iterator[_Step]:
    moved, has_own = set[str](), False  # since the weights came
    for phase in phases:
        adapts = phase.adapt_norm
        if phase.start == "pretrained":
            moved, has_own = set[str](), False
        has_own = has_own or adapts or phases[0].weights == "none"
        for rules, same in itertools.groupby(strategies.rules_by_epoch(phase)):
            plain = {"thaw": rules, "schedule": "constant", "warmup": 0.0, "patience": None, "adapt_norm": False}
            probed = phase.model_copy(update={**plain, "lr": RATE, "start": "last"})
            plan = strategies.plan(classifier, phase, rules)
            moving = {name for name, rate in plan.parameters.items() if rate is not None}
            yield _Step(len(list(same)), adapts, probed, plan, not has_own and moved <= moving)
            moved, adapts = moved | moving, False


class _Probe:
    """Short trainings of one backbone on noise."""

    def __init__(
        self, question: Question, classifier: Classifier, device: torch.device, precision: Precision
    ) -> None:  # fmt: skip
        self.question, self.classifier, self.device, self.precision = question, classifier, device, precision
        self.random = np.random.default_rng(0)

    def ready(self) -> float:
        """Seconds that the first computation takes more than the next."""
        few = self._examples(2)
        self.classifier.to(self.device)
        # as the trainer does it first: the first pass would lay the weights out anew
        self.classifier.set_channels_last(self.question.train.channels_last is not False)
        cold, warm = self._predict(few), self._predict(few)
        return max(cold - warm, 0.0)

    def evaluate(self) -> tuple[float, float]:
        """Seconds an image to predict it, and the peak memory."""
        self._reset_peak()
        examples = self._examples(max(2, min(self.question.evaluate_batch, self.question.images)))
        self._predict(examples)
        return min(self._predict(examples) for _ in range(2)) / len(examples), peak_memory_gib(self.device)

    def train(self, step: _Step) -> PlanCost:
        """Measure one thing to thaw."""
        self._reset_peak()
        begun = time.perf_counter()
        warm, _ = self._fit(step, 1, epochs=2)
        warm_seconds = time.perf_counter() - begun
        batch_seconds = warm[-1].train_seconds + warm[-1].saved_seconds
        batches = max(1, min(MOST_BATCHES, int(EPOCH_SECONDS / batch_seconds)))
        epochs, kept_bytes = self._fit(step, batches, epochs=1 if step.is_whole else 2)
        train = _pace([epoch.train_seconds for epoch in epochs], self._count(batches))
        val = _pace([epoch.val_seconds for epoch in epochs], self._count(1))
        steady = _seconds(train, self._count(1), len(warm)) + _seconds(val, self._count(1), len(warm))
        kept = kept_bytes / (self._count(1) + self._count(batches))
        return PlanCost(max(warm_seconds - steady, 0.0), train, val, kept, peak_memory_gib(self.device))

    def _fit(self, step: _Step, batches: int, epochs: int) -> tuple[list[Epoch], int]:
        """Train; returns what the epochs took, and the bytes that were kept of all images."""
        # with one view the second epoch finds what the first one kept
        settings = self.question.train.model_copy(update={"devices": 1, "nodes": 1, "frozen_views": 1})
        train, val = self._examples(self._count(batches)), self._examples(self._count(1))
        done: list[Epoch] = []
        # where the real store is to be, on the same disk; what is drawn there meanwhile must not stay
        with tempfile.TemporaryDirectory(prefix=".plan.", suffix=".part", dir=Path.cwd()) as folder:
            store = Store(Path(folder), settings.cache_gib, "plan")
            trainer = Trainer(
                self.classifier, train, val, self.question.task, settings, 0, self.device, self.precision, store=store
            )
            with contextlib.redirect_stderr(io.StringIO()):  # neither bars nor what is said of these few images
                trainer.fit([step.phase.model_copy(update={"epochs": epochs})], done.append)
            return done, sum(file.stat().st_size for file in Path(folder).iterdir())

    def _reset_peak(self) -> None:
        """A GPU's peak can be forgotten, a process's cannot."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)

    def _predict(self, examples: Examples) -> float:
        started = time.perf_counter()
        predict_logits(self.classifier, examples, self.question.evaluate_batch, self.device, self.precision)
        return time.perf_counter() - started

    def _count(self, batches: int) -> int:
        return max(2, min(batches * self.question.train.batch_size, self.question.images))

    def _examples(self, count: int) -> Examples:
        classes, size = self.question.classes, self.question.size_px
        pixels = self.random.integers(0, 256, (count, size, size), np.uint8)
        if self.question.task == "multilabel":
            labels = self.random.integers(0, 2, (count, classes))
        else:
            labels = np.eye(classes, dtype=np.int64)[self.random.permutation(np.arange(count) % classes)]
        return Examples(pixels, np.arange(count), labels)


def _pace(seconds: Sequence[float], images: int) -> Pace:
    """Of the epochs that were measured; where it is only one, all are alike."""
    return Pace(seconds[0] / images, seconds[-1] / images)


def _seconds(pace: Pace, images: int, epochs: int) -> float:
    return images * (pace.first + (epochs - 1) * pace.later)
