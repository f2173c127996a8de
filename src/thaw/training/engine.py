"""Training one cell: the phases of a strategy, one after the other, keeping the best epoch."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thaw import strategies
from thaw.backbones.classifier import Classifier
from thaw.errors import UserError
from thaw.labels import Task
from thaw.params.schema import TrainParams
from thaw.params.strategy import Phase
from thaw.progress import progress
from thaw.strategies import Plan
from thaw.training.batches import Examples, cut
from thaw.training.checkpoint import Checkpoint
from thaw.training.curve import Curve, measure_curve
from thaw.training.device import Precision, choose_precision
from thaw.training.forward import Forward, KeptFeatures, from_images, kept_views
from thaw.training.inference import predict_logits
from thaw.training.losses import make_loss
from thaw.training.normalisation import adapt_statistics
from thaw.training.randomness import stream, stream_seed
from thaw.training.reuse import Backbone, head_entry, trains_head_alone
from thaw.training.sampling import epoch_positions
from thaw.training.schedule import is_over, rate_factor
from thaw.training.state import Epoch, State, Tensors, copy_of
from thaw.training.step import Stepper

CHECKED_STEPS = 50  # losses are looked at so often: every look makes a GPU wait
FEWEST_AT_ONCE = 2  # BatchNorm has nothing to normalise one image by


class NotFiniteError(UserError):
    """The loss became infinite or no number."""


class Trainer:
    """Trains one classifier on one split; every strategy of a seed sees the same batches and augmentations.

    Attributes:
        state: what has been done so far, the best epoch included.
    """

    def __init__(
        self, classifier: Classifier, train: Examples, val: Examples, task: Task, settings: TrainParams,
        seed: int, device: torch.device, checkpoint: Checkpoint | None = None,
    ) -> None:  # fmt: skip
        self.classifier = classifier.to(device)
        self.classifier.set_channels_last(settings.channels_last is not False)
        self.train, self.val, self.task, self.settings = train, val, task, settings
        self.seed, self.device, self.checkpoint = seed, device, checkpoint
        self.precision: Precision = choose_precision(settings.precision, device)
        self.loss = make_loss(task, train.labels, settings.loss, device)
        self.curve_loss = self.loss.plain()
        self.state = State(part_images=settings.batch_size)
        self.pretrained: Tensors = {}
        self.kept: KeptFeatures | None = None

    def fit(self, phases: Sequence[Phase], report: Callable[[Epoch], None]) -> list[list[Plan]]:
        """Train all phases, then leave the classifier at its best epoch; returns the plans of each phase's epochs.

        With a checkpoint, goes on from the last epoch that was finished, to the very bits of an undisturbed run.

        Args:
            phases: a strategy.
            report: is given every epoch as it ends, and those of an earlier run at once.

        Raises:
            UserError: a phase does not fit the network (before any training), or the loss is no longer finite.
        """
        plans = [strategies.plans(self.classifier, phase) for phase in phases]
        if any(phase.start == "pretrained" for phase in phases[1:]):
            self.pretrained = copy_of(self.classifier.network)
        self._resume(report)
        for number, (phase, its_plans) in enumerate(zip(phases, plans, strict=True), start=1):
            if not self.state.history or self.state.history[-1].phase <= number:
                self._phase(number, phase, its_plans, report)
        self.classifier.network.load_state_dict(self.state.best_tensors)
        return plans

    def _resume(self, report: Callable[[Epoch], None]) -> None:
        found = self.checkpoint.load() if self.checkpoint else None
        if found is not None:
            self.state = found
            self.classifier.network.load_state_dict(found.tensors)
            for epoch in found.history:
                report(epoch)

    def _phase(self, number: int, phase: Phase, plans: Sequence[Plan], report: Callable[[Epoch], None]) -> None:
        stepper = Stepper(self.classifier, plans, self.settings, self.loss, self.device, self.precision)
        done = len(self.state.of_phase(number))
        if done == 0:
            self._begin(number, phase)
            self._keep(stepper, plans[0])
        else:
            stepper.restore(self.state.optimizer)
            self._check_thawed(plans[done - 1])
        self.kept = self._features_to_keep(plans)
        while done < phase.epochs and not is_over([e.score for e in self.state.of_phase(number)], phase.patience):
            epoch = self._tried_epoch(number, phase, plans[done], stepper)
            self.state.add(epoch, self.classifier.network)
            self._keep(stepper, plans[done])
            done += 1
            if self.checkpoint:
                self.checkpoint.save(self.state)
            report(epoch)

    def _begin(self, number: int, phase: Phase) -> None:
        """Put the network where a phase starts."""
        if number > 1 and phase.start != "last":
            start = self.state.best_tensors if phase.start == "best" else self.pretrained
            self.classifier.network.load_state_dict(start)
        if phase.adapt_norm:
            size = self.settings.batch_size
            adapt_statistics(self.classifier, self.train, size, self.device, self.precision)

    def _features_to_keep(self, plans: Sequence[Plan]) -> KeptFeatures | None:
        """The features of a phase in which a frozen backbone would compute the same again and again."""
        entry = head_entry(self.classifier)
        alone = all(trains_head_alone(self.classifier, plan) for plan in plans)
        if entry is None or not alone or kept_views(self.settings) is None:
            return None
        strategies.set_training(self.classifier, plans[0])
        backbone = Backbone(self.classifier, entry, self.train.pixels.shape[1], self.device, self.precision)
        few, _ = self.train.batch(torch.arange(min(FEWEST_AT_ONCE, len(self.train))), self.device)
        if not backbone.repeats_itself(few):
            return None
        return KeptFeatures(backbone, self.train, self.val, self.settings, self.seed)

    def _check_thawed(self, plan: Plan) -> None:
        if plan.description() != self.state.thawed:
            raise RuntimeError("the resumed training would thaw other tensors than it did before")

    def _keep(self, stepper: Stepper, plan: Plan) -> None:
        """Hold what is needed to begin the next epoch again, here or in a later process."""
        self.state.tensors, self.state.optimizer = copy_of(self.classifier.network), stepper.state()
        self.state.thawed = plan.description()

    def _tried_epoch(self, number: int, phase: Phase, plan: Plan, stepper: Stepper) -> Epoch:
        """One epoch; where the memory does not suffice, again from its beginning with half the images at once."""
        while True:
            try:
                return self._epoch(number, phase, plan, stepper)
            except torch.OutOfMemoryError:
                self._halve_parts(stepper)

    def _halve_parts(self, stepper: Stepper) -> None:
        half = self.state.part_images // 2
        if half < FEWEST_AT_ONCE:
            raise UserError(f"not even {self.state.part_images} images at once fit the memory; lower preprocess.size")
        print(
            f"warning: {self.state.part_images} images at once do not fit the memory; going on with {half}, the "
            f"gradients of {self._step_images} still making one step",
            file=sys.stderr,
        )
        self.state.part_images = half
        self.classifier.network.load_state_dict(self.state.tensors)
        stepper.restore(self.state.optimizer)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @property
    def _step_images(self) -> int:
        return self.settings.batch_size * self.settings.accumulate

    def _epoch(self, number: int, phase: Phase, plan: Plan, stepper: Stepper) -> Epoch:
        started, losses = time.perf_counter(), [epoch.val.loss for epoch in self.state.of_phase(number)]
        schedule, done = phase.schedule or self.settings.schedule, len(losses)

        def factor(share: float) -> float:
            return rate_factor(schedule, done + share, phase.epochs, phase.warmup, losses)

        strategies.apply(self.classifier, plan)
        strategies.set_training(self.classifier, plan)
        frozen = strategies.frozen_tensors(self.classifier, plan)
        train = self._train_epoch(stepper, factor)
        strategies.check_frozen(self.classifier, frozen)
        speed = len(self.train) / (time.perf_counter() - started)
        val = self._curve(self._val_logits(), self.val.labels)
        self.state.seconds += time.perf_counter() - started
        return Epoch(len(self.state.history) + 1, number, phase.lr * factor(0.0), speed, train, val)

    def _train_epoch(self, stepper: Stepper, factor: Callable[[float], float]) -> Curve:
        place = len(self.state.history)
        torch.manual_seed(stream_seed(self.seed, "dropout", place))
        positions = epoch_positions(
            self.train.labels, self.task, self.settings.loss.sampling, stream(self.seed, "order", place)
        )
        batches, places = cut(positions, self._step_images), cut(torch.arange(len(positions)), self._step_images)
        forward = self._forward(stepper, positions, place)
        logits, losses = [], []
        for index, batch in enumerate(progress(batches, f"epoch {place + 1}", "batches", len(batches))):
            stepper.set_rates(factor(index / len(batches)))
            target = self.train.targets(batch, self.device)
            outcome, loss = stepper.step(forward, target, batch, places[index], self.state.part_images)
            logits.append(outcome)
            losses.append(loss)
            if (index + 1) % CHECKED_STEPS == 0 or index + 1 == len(batches):
                self._check_finite(losses, stepper, factor)
        return self._curve(torch.cat(logits).cpu().numpy(), self.train.labels[positions.numpy()])

    def _forward(self, stepper: Stepper, positions: Tensor, place: int) -> Forward:
        if self.kept is not None:
            return self.kept.forward(place)
        return from_images(
            stepper.network, self.train, positions, self.settings, self.seed, place, self.device, self.precision
        )

    def _val_logits(self) -> NDArray[np.float32]:
        if self.kept is not None:
            return self.kept.val_logits()
        return predict_logits(self.classifier, self.val, self.settings.batch_size, self.device, self.precision)

    def _check_finite(self, losses: Sequence[Tensor], stepper: Stepper, factor: Callable[[float], float]) -> None:
        finite = torch.stack(list(losses)).isfinite().cpu()
        if finite.all():
            return
        batch, batches = int(finite.int().argmin()), -(-len(self.train) // self._step_images)
        rate = max(stepper.rates) * factor(batch / batches)
        raise NotFiniteError(
            f"the loss is {float(losses[batch])} in epoch {len(self.state.history) + 1}, batch {batch + 1} of "
            f"{batches}, at learning rate {rate:.3g}; lower the learning rate of this strategy"
        )

    def _curve(self, logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Curve:
        curve = measure_curve(logits, labels, self.task, self.curve_loss, self.device)
        if not math.isfinite(curve.loss):
            epoch = len(self.state.history) + 1
            raise NotFiniteError(f"the loss is {curve.loss} after epoch {epoch}; lower the strategy's learning rate")
        return curve
