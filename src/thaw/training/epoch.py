"""One epoch: every training image once in batches, then validation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thaw import strategies
from thaw.backbones.classifier import Classifier
from thaw.errors import UserError
from thaw.labels import Task
from thaw.params.schema import TrainParams
from thaw.strategies import Plan
from thaw.training.batches import Examples, cut
from thaw.training.curve import Curve, measure_curve
from thaw.training.device import Precision
from thaw.training.distributed import ALONE, Group
from thaw.training.forward import Forward, from_images
from thaw.training.frozen import FrozenBlocks
from thaw.training.inference import predict_logits
from thaw.training.losses import make_loss
from thaw.training.randomness import stream, stream_seed
from thaw.training.sampling import epoch_positions
from thaw.training.step import Stepper
from thaw.training.store import Store

CHECKED_STEPS = 50  # losses are looked at so often: every look makes a GPU wait
Factor = Callable[[float], float]  # share of the epoch that is done -> factor of the learning rates


class NotFiniteError(UserError):
    """The loss became infinite or no number."""


class EpochRunner:
    """Runs the epochs of one training; every strategy of a seed sees the same batches and augmentations.

    Attributes:
        frozen: what is kept of blocks that do not move.
        loss: what is minimised.
        part_images: images that go through the network at once, in all processes together.
    """

    def __init__(
        self, classifier: Classifier, train: Examples, val: Examples, task: Task, settings: TrainParams, seed: int,
        device: torch.device, precision: Precision, store: Store | None, group: Group = ALONE,
    ) -> None:  # fmt: skip
        self.classifier, self.train, self.val, self.task, self.settings = classifier, train, val, task, settings
        self.seed, self.device, self.precision, self.group = seed, device, precision, group
        self.loss = make_loss(task, train.labels, settings.loss, device)
        self.part_images = settings.batch_size
        self.frozen = FrozenBlocks(classifier, train, val, settings, seed, device, precision, store, group)
        self._curve_loss = self.loss.plain()

    @property
    def step_images(self) -> int:
        """Images whose gradients make one step."""
        return self.settings.batch_size * self.settings.accumulate

    def run(
        self, place: int, plan: Plan, stepper: Stepper, factor: Factor, moved: Callable[[float], None]
    ) -> tuple[Curve, Curve, float, float]:
        """Train and validate; returns how the network did on both, and the seconds that each took.

        Args:
            place: of the epoch over all phases, from 0.
            plan: what it trains.
            stepper: of the phase.
            factor: the schedule.
            moved: is told the share of the training images that are done.

        Raises:
            NotFiniteError: the loss is no longer finite.
            RuntimeError: a frozen tensor moved.
            torch.OutOfMemoryError: ``part_images`` are too many.
        """
        started = time.perf_counter()
        strategies.apply(self.classifier, plan)
        strategies.set_training(self.classifier, plan)
        before = strategies.frozen_tensors(self.classifier, plan)
        train = self._train(place, stepper, factor, moved)
        strategies.check_frozen(self.classifier, before)
        self.group.average(tensor for name, tensor in self.classifier.network.named_buffers() if plan.buffers[name])
        trained = time.perf_counter()
        val = self._curve(self._val_logits(), self.val.labels, place)
        return train, val, trained - started, time.perf_counter() - trained

    def _train(self, place: int, stepper: Stepper, factor: Factor, moved: Callable[[float], None]) -> Curve:
        torch.manual_seed(stream_seed(self.seed, "dropout", place) + self.group.rank)
        positions = epoch_positions(
            self.train.labels, self.task, self.settings.loss.sampling, stream(self.seed, "order", place)
        )
        batches, places = cut(positions, self.step_images), cut(torch.arange(len(positions)), self.step_images)
        forward = self._forward(stepper, positions, place)
        logits, seen, losses = [], [], []
        for index, batch in enumerate(batches):
            stepper.set_rates(factor(index / len(batches)))
            target = self.train.targets(batch, self.device)
            outcome, its_places, loss = stepper.step(forward, target, batch, places[index], self.part_images)
            logits.append(outcome)
            seen.append(its_places)
            losses.append(loss)
            if (index + 1) % CHECKED_STEPS == 0 or index + 1 == len(batches):
                self._check_finite(losses, len(batches), max(stepper.rates), factor, place)
            moved((index + 1) / len(batches))
        whole = self.group.gather(torch.cat(logits), torch.cat(seen), len(positions))
        return self._curve(whole.cpu().numpy(), self.train.labels[positions.numpy()], place)

    def _forward(self, stepper: Stepper, positions: Tensor, place: int) -> Forward:
        return self.frozen.forward(place) or from_images(
            self.group.exchanging(stepper.network), self.train, positions, self.settings, self.seed, place,
            self.frozen.views, self.device, self.precision,
        )  # fmt: skip

    def _val_logits(self) -> NDArray[np.float32]:
        share, places = self.group.share(len(self.val)), torch.arange(len(self.val))
        if self.frozen.kept is not None:
            logits = self.frozen.kept.val_logits(places[share.seen])
        else:
            seen = replace(self.val, rows=self.val.rows[share.seen], labels=self.val.labels[share.seen])
            at_once = self.group.images_of_each(self.settings.batch_size)
            logits = predict_logits(self.classifier, seen, at_once, self.device, self.precision)
        own = torch.from_numpy(logits)[share.own]
        return self.group.gather(own, places[share.seen][share.own], len(places)).numpy()

    def _check_finite(
        self, losses: Sequence[Tensor], batches: int, rate: float, factor: Factor, place: int
    ) -> None:  # fmt: skip
        whole = self.group.total(torch.stack(list(losses)))
        finite = whole.isfinite().cpu()
        if finite.all():
            return
        batch = int(finite.int().argmin())
        raise NotFiniteError(
            f"the loss is {float(whole[batch])} in epoch {place + 1}, batch {batch + 1} of {batches}, at learning rate "
            f"{rate * factor(batch / batches):.3g}; lower the learning rate of this strategy"
        )

    def _curve(self, logits: NDArray[np.float32], labels: NDArray[np.int64], place: int) -> Curve:
        # one process decides for all, whatever their devices make of the last bits
        curve = self.group.broadcast(measure_curve(logits, labels, self.task, self._curve_loss, self.device))
        if not math.isfinite(curve.loss):
            raise NotFiniteError(
                f"the loss is {curve.loss} after epoch {place + 1}; lower the strategy's learning rate"
            )
        return curve
