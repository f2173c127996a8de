"""Where a training stands after an epoch: all that it needs to go on as if it had never stopped."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor, nn

from thaw.training.curve import Curve

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Epoch:
    """One epoch of training.

    Attributes:
        number: counted from 1 over all phases.
        phase: counted from 1.
        learning_rate: at the epoch's beginning, where the phase's own rate holds.
        images: that were trained on.
        setup_seconds: from the end of the epoch before, or the phase's beginning, to this one's.
        train_seconds, val_seconds: of training and of validation.
        saved_seconds: what kept activations saved, judged by the time that computing them took.
        train, val: how the network did.
    """

    number: int
    phase: int
    learning_rate: float
    images: int
    setup_seconds: float
    train_seconds: float
    val_seconds: float
    saved_seconds: float
    train: Curve
    val: Curve

    @property
    def seconds(self) -> float:
        """All of its time."""
        return self.setup_seconds + self.train_seconds + self.val_seconds

    @property
    def images_per_second(self) -> float:
        """Of training."""
        return self.images / self.train_seconds

    @property
    def score(self) -> tuple[float, float]:
        """What the best epoch has most of: validation AUROC, then low validation loss; loss alone where undefined."""
        auroc = self.val.auroc_macro
        return (-math.inf if auroc is None else auroc, -self.val.loss)


def copy_of(module: nn.Module) -> Tensors:
    """Copies of a module's parameters and buffers."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


@dataclass
class State:
    """What a training has done so far.

    Attributes:
        history: all epochs.
        best: number of the best epoch, 0 before the first.
        best_tensors: the network after it.
        tensors: the network now.
        optimizer: the state of the phase's optimizer and gradient scaler.
        thawed: ``Plan.description`` of the last epoch: a resumed training must thaw the same.
        part_images: images that were put through the network at once.
    """

    history: list[Epoch] = field(default_factory=list)
    best: int = 0
    best_tensors: Tensors = field(default_factory=dict)
    tensors: Tensors = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    thawed: dict[str, Any] = field(default_factory=dict)
    part_images: int = 0

    def of_phase(self, number: int) -> list[Epoch]:
        """The epochs of one phase, counted from 1."""
        return [epoch for epoch in self.history if epoch.phase == number]

    def after(self, epoch: Epoch, network: nn.Module, optimizer: dict[str, Any], thawed: dict[str, Any]) -> State:
        """The state one epoch later, a copy of the network kept as the best where it is better than all before."""
        now, is_best = copy_of(network), not self.best or epoch.score > self.history[self.best - 1].score
        best, best_tensors = (epoch.number, now) if is_best else (self.best, self.best_tensors)
        return State([*self.history, epoch], best, best_tensors, now, optimizer, thawed, self.part_images)

    def plain(self) -> dict[str, Any]:
        """This state as tensors, numbers, texts, lists and mappings alone."""
        return {**vars(self), "history": [asdict(epoch) for epoch in self.history]}

    @classmethod
    def from_plain(cls, content: dict[str, Any]) -> State:
        """What ``plain`` gave."""
        history = [
            Epoch(**{**epoch, "train": Curve(**epoch["train"]), "val": Curve(**epoch["val"])})
            for epoch in content["history"]
        ]
        return cls(**{**content, "history": history})
