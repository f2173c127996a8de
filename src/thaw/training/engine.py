"""Training one cell: the phases of a strategy, one after the other, keeping the best epoch."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from thaw import strategies
from thaw.backbones.classifier import Classifier
from thaw.errors import UserError
from thaw.labels import Task
from thaw.params.schema import TrainParams
from thaw.params.strategy import Phase
from thaw.strategies import Plan
from thaw.training.bar import TrainingBar
from thaw.training.batches import Examples
from thaw.training.checkpoint import Checkpoint
from thaw.training.device import Precision
from thaw.training.distributed import ALONE, FEWEST_AT_ONCE, Group
from thaw.training.epoch import EpochRunner
from thaw.training.normalisation import adapt_statistics
from thaw.training.outlook import expected_costs
from thaw.training.schedule import is_over, rate_factor
from thaw.training.state import Epoch, State, Tensors, copy_of
from thaw.training.step import Stepper
from thaw.training.store import Store


class Trainer:
    """Trains one classifier on one split.

    Attributes:
        state: what has been done up to the last epoch that was finished, the best one included.
    """

    def __init__(
        self, classifier: Classifier, train: Examples, val: Examples, task: Task, settings: TrainParams, seed: int,
        device: torch.device, precision: Precision, checkpoint: Checkpoint | None = None, store: Store | None = None,
        group: Group = ALONE,
    ) -> None:  # fmt: skip
        self.classifier = classifier.to(device)
        self.classifier.set_channels_last(settings.channels_last is not False)
        group.equalise(self.classifier.network)
        group.join_norms(self.classifier.network, device)
        self.train, self.settings, self.group = train, settings, group
        self.device, self.precision, self.checkpoint = device, precision, checkpoint
        self.runner = EpochRunner(self.classifier, train, val, task, settings, seed, device, precision, store, group)
        self.state = State(part_images=settings.batch_size)
        self._pretrained: Tensors = {}
        self._epoch_start: tuple[Tensors, dict[str, Any]] = {}, {}

    def fit(self, phases: Sequence[Phase], report: Callable[[Epoch], None]) -> list[list[Plan]]:
        """Train all phases, then leave the classifier at its best epoch; returns the plans of each phase's epochs.

        With a checkpoint, goes on from the last epoch that it holds, to the very bits of an undisturbed run.

        Args:
            phases: a strategy.
            report: is given every epoch as it ends, and those of an earlier run at once.

        Raises:
            UserError: a phase does not fit the network (before any training), or the loss is no longer finite.
        """
        plans = [strategies.plans(self.classifier, phase) for phase in phases]
        if any(phase.start == "pretrained" for phase in phases[1:]):
            self._pretrained = copy_of(self.classifier.network)
        bar = TrainingBar(expected_costs(self.runner, plans))
        self._resume(report)
        try:
            for number, (phase, its_plans) in enumerate(zip(phases, plans, strict=True), start=1):
                if not self.state.history or self.state.history[-1].phase <= number:
                    self._phase(number, phase, its_plans, report, bar)
        except BaseException:
            if self.checkpoint and self.state.history:
                self.checkpoint.save(self.state)
            raise
        finally:
            bar.close()
        self.classifier.network.load_state_dict(self.state.best_tensors)
        return plans

    def _resume(self, report: Callable[[Epoch], None]) -> None:
        found = self.group.broadcast(self.checkpoint.load() if self.checkpoint else None)
        if found is not None:
            self.state = found
            self.runner.part_images = found.part_images
            self.runner.frozen.images_at_once = self.group.images_of_each(found.part_images)
            self.classifier.network.load_state_dict(found.tensors)
            for epoch in found.history:
                report(epoch)

    def _phase(
        self, number: int, phase: Phase, plans: Sequence[Plan], report: Callable[[Epoch], None], bar: TrainingBar
    ) -> None:
        ended = time.perf_counter()
        stepper = Stepper(
            self.classifier, plans, self.settings, self.runner.loss, self.device, self.precision, self.group
        )
        done = len(self.state.of_phase(number))
        if done == 0:
            self._begin(number, phase)
        else:
            stepper.restore(self.state.optimizer)
            self._check_thawed(plans[done - 1])
        while done < phase.epochs and not is_over([e.score for e in self.state.of_phase(number)], phase.patience):
            epoch = self._epoch(number, phase, plans[done], plans.count(plans[done]), stepper, bar, ended)
            ended = time.perf_counter()
            self.state = self.state.after(epoch, self.classifier.network, stepper.state(), plans[done].description())
            done += 1
            if self.checkpoint:
                self.checkpoint.save_now_and_then(self.state)
            bar.end_epoch(epoch.images_per_second)
            report(epoch)
        bar.end_phase(number)

    def _begin(self, number: int, phase: Phase) -> None:
        """Put the network where a phase starts."""
        if number > 1 and phase.start != "last":
            start = self.state.best_tensors if phase.start == "best" else self._pretrained
            self.classifier.network.load_state_dict(start)
        if phase.adapt_norm:
            size = self.settings.batch_size
            adapt_statistics(self.classifier, self.train, size, self.device, self.precision, self.group)

    def _check_thawed(self, plan: Plan) -> None:
        if plan.description() != self.state.thawed:
            raise RuntimeError("the resumed training would thaw other tensors than it did before")

    def _epoch(
        self, number: int, phase: Phase, plan: Plan, epochs: int, stepper: Stepper, bar: TrainingBar, ended: float
    ) -> Epoch:
        """One epoch; where the memory does not suffice, again from its beginning with half the images at once."""
        place, losses = len(self.state.history), [epoch.val.loss for epoch in self.state.of_phase(number)]
        schedule = phase.schedule or self.settings.schedule

        def factor(share: float) -> float:
            return rate_factor(schedule, len(losses) + share, phase.epochs, phase.warmup, losses)

        frozen, self._epoch_start = self.runner.frozen, (copy_of(self.classifier.network), stepper.state())
        while True:
            try:
                frozen.look_at(plan, epochs)
                setup, saved = time.perf_counter() - ended, frozen.saved_seconds
                train, val, train_seconds, val_seconds = self.runner.run(
                    place, plan, stepper, factor, lambda share: bar.move(number, len(losses), share)
                )
                break
            except torch.OutOfMemoryError:
                self._halve_parts(stepper)
        return Epoch(
            place + 1, number, phase.lr * factor(0.0), len(self.train), setup, train_seconds, val_seconds,
            frozen.saved_seconds - saved, train, val,
        )  # fmt: skip

    def _halve_parts(self, stepper: Stepper) -> None:
        runner, half = self.runner, self.runner.part_images // 2
        if self.group.size > 1:
            each, processes = self.group.images_of_each(runner.part_images), self.group.size
            raise UserError(
                f"{each} images at once do not fit the memory of each of {processes} processes; lower train.batch_size "
                f"({runner.part_images} for all of them)"
            )
        if half < FEWEST_AT_ONCE:
            raise UserError(f"not even {runner.part_images} images at once fit the memory; lower preprocess.size")
        print(
            f"warning: {runner.part_images} images at once do not fit the memory; going on with {half}, the "
            f"gradients of {runner.step_images} still making one step",
            file=sys.stderr,
        )
        runner.part_images = runner.frozen.images_at_once = self.state.part_images = half
        tensors, optimizer = self._epoch_start
        self.classifier.network.load_state_dict(tensors)
        stepper.restore(optimizer)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
