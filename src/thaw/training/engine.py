"""Training one cell: the phases of a strategy, one after the other, keeping the best epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thaw import strategies
from thaw.backbones.classifier import Classifier
from thaw.errors import UserError
from thaw.evaluation.auroc import auroc_by_class, macro
from thaw.evaluation.probabilities import probabilities
from thaw.labels import UNKNOWN, Task
from thaw.params.schema import Phase, TrainParams
from thaw.progress import progress
from thaw.strategies import Plan
from thaw.training.augmentation import augment, draw
from thaw.training.batches import Examples, shuffled_batches
from thaw.training.device import Precision, autocast, choose_precision
from thaw.training.inference import predict_logits
from thaw.training.losses import Loss, make_loss
from thaw.training.randomness import stream, stream_seed

DECISION_THRESHOLD = 0.5


@dataclass(frozen=True)
class Curve:
    """How a network does on one split after one epoch; AUROC is None where no class has both kinds of images."""

    loss: float
    accuracy: float
    auroc_macro: float | None


@dataclass(frozen=True)
class Epoch:
    """One epoch of training; ``number`` counts from 1 over all phases, ``phase`` from 1."""

    number: int
    phase: int
    learning_rate: float
    images_per_second: float
    train: Curve
    val: Curve


@dataclass
class Best:
    """The best epoch so far by validation AUROC, or by validation loss as long as AUROC is undefined."""

    epoch: int = 0
    score: tuple[float, float] = (-math.inf, -math.inf)
    state: dict[str, Tensor] = field(default_factory=dict)

    def update(self, epoch: Epoch, classifier: Classifier) -> None:
        """Keep a copy of the network if ``epoch`` is better than all before it."""
        auroc = epoch.val.auroc_macro
        score = (-math.inf if auroc is None else auroc, -epoch.val.loss)
        if score > self.score:
            self.epoch, self.score = epoch.number, score
            self.state = {name: tensor.detach().clone() for name, tensor in classifier.network.state_dict().items()}


class Trainer:
    """Trains one classifier on one split; every strategy of a seed sees the same batches and augmentations."""

    def __init__(
        self, classifier: Classifier, train: Examples, val: Examples, task: Task, settings: TrainParams,
        seed: int, device: torch.device,
    ) -> None:  # fmt: skip
        self.classifier = classifier.to(device)
        self.train, self.val, self.task, self.settings = train, val, task, settings
        self.seed, self.device = seed, device
        self.precision: Precision = choose_precision(settings.precision, device)
        self.loss: Loss = make_loss(task, train.labels, settings.class_weights, settings.max_class_weight, device)
        self.best = Best()
        self.epochs = 0

    def fit(self, phases: Sequence[Phase], report: Callable[[Epoch], None]) -> list[Plan]:
        """Train all phases, then leave the classifier at its best epoch; returns each phase's plan.

        Args:
            phases: a strategy.
            report: is given every epoch as it ends.

        Raises:
            UserError: a phase does not fit the network (before any training), or the loss is no longer finite.
        """
        plans = [strategies.plan(self.classifier, phase) for phase in phases]
        torch.manual_seed(stream_seed(self.seed, "dropout"))
        for index, (phase, plan) in enumerate(zip(phases, plans, strict=True), start=1):
            if index > 1 and phase.start == "best":
                self.classifier.network.load_state_dict(self.best.state)
            self._phase(index, phase, plan, report)
        self.classifier.network.load_state_dict(self.best.state)
        return plans

    def _phase(self, index: int, phase: Phase, plan: Plan, report: Callable[[Epoch], None]) -> None:
        strategies.apply(self.classifier, plan)
        frozen = strategies.frozen_tensors(self.classifier, plan)
        optimizer = self._optimizer(plan)
        steps = phase.epochs * len(self._batches(0))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self._rate_factor(step / steps))
        for _ in range(phase.epochs):
            epoch = self._epoch(index, plan, optimizer, schedule)
            self.best.update(epoch, self.classifier)
            report(epoch)
        strategies.check_frozen(self.classifier, frozen)

    def _optimizer(self, plan: Plan) -> torch.optim.Optimizer:
        groups = strategies.optimizer_groups(self.classifier, plan, self.settings.weight_decay)
        return torch.optim.AdamW(groups) if self.settings.optimizer == "adamw" else torch.optim.Adam(groups)

    def _rate_factor(self, done: float) -> float:
        """Share of the learning rate after the share ``done`` of a phase (Loshchilov & Hutter 2017, equation 5)."""
        return (1 + math.cos(math.pi * done)) / 2 if self.settings.schedule == "cosine" else 1.0

    def _batches(self, epoch: int) -> list[Tensor]:
        return shuffled_batches(len(self.train), self.settings.batch_size, stream(self.seed, "order", epoch))

    def _epoch(
        self, phase: int, plan: Plan, optimizer: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LambdaLR
    ) -> Epoch:
        started, learning_rate = time.perf_counter(), float(schedule.get_last_lr()[-1])
        train = self._train_epoch(plan, optimizer, schedule)
        speed = len(self.train) / (time.perf_counter() - started)
        val_logits = predict_logits(self.classifier, self.val, self.settings.batch_size, self.device, self.precision)
        self.epochs += 1
        return Epoch(self.epochs, phase, learning_rate, speed, train, self._curve(val_logits, self.val.labels))

    def _train_epoch(
        self, plan: Plan, optimizer: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LambdaLR
    ) -> Curve:
        strategies.set_training(self.classifier, plan)
        draws = draw(len(self.train), stream(self.seed, "augmentation", self.epochs))
        batches = self._batches(self.epochs)
        logits = []
        for positions in progress(batches, f"epoch {self.epochs + 1}", "batches", len(batches)):
            logits.append(self._step(positions, draws[positions], optimizer))
            schedule.step()
        return self._curve(torch.cat(logits).cpu().numpy(), self.train.labels[torch.cat(batches).numpy()])

    def _step(self, positions: Tensor, draws: Tensor, optimizer: torch.optim.Optimizer) -> Tensor:
        images, labels = self.train.batch(positions, self.device)
        images = augment(images, draws.to(self.device), self.settings.augment, self.settings.mirror)
        with autocast(self.device, self.precision):
            logits: Tensor = self.classifier(images)
        loss = self.loss(logits, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return logits.detach().float()

    def _curve(self, logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Curve:
        target = torch.from_numpy(labels).float().to(self.device)
        loss = float(self.loss(torch.from_numpy(logits).to(self.device), target))
        if not math.isfinite(loss):
            raise UserError(f"the loss is {loss} in epoch {self.epochs + 1}; lower the learning rate of this strategy")
        scores = probabilities(logits, self.task)
        return Curve(loss, accuracy(scores, labels, self.task), macro(auroc_by_class(labels, scores)))


def accuracy(scores: NDArray[np.floating], labels: NDArray[np.int64], task: Task) -> float:
    """Share of images whose likeliest class is right (multiclass), or of right decisions at 0.5 (multilabel).

    Decisions on unknown labels do not count; 0 where none is known.
    """
    if task == "multiclass":
        return float((scores.argmax(1) == labels.argmax(1)).mean())
    right = (scores >= DECISION_THRESHOLD) == labels
    return float(right.sum() / max((labels != UNKNOWN).sum(), 1))
