"""What the probe measured: times an image, bytes an image, memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Seconds an image: in an epoch that computes everything, and in one that finds again what an earlier one kept."""

    first: float
    later: float


@dataclass(frozen=True)
class PlanCost:
    """What it takes to train with one choice of thawed tensors.

    Attributes:
        begin_seconds: once, whatever the number of images: first use, compiling.
        train, val: of training and validation.
        kept_bytes: an image's activations on disk, for each augmentation of it, those of the boundary that strategies
            share included; 0: nothing is kept.
        memory_gib: peak, without what grows with the number of images.
    """

    begin_seconds: float
    train: Pace
    val: Pace
    kept_bytes: float
    memory_gib: float


@dataclass(frozen=True)
class Stretch:
    """Epochs of a strategy that thaw the same.

    Attributes:
        epochs: how many.
        adapts: whether statistics of the training images are estimated before.
        cost: what they take.
        shares: whether what is frozen is as all strategies begin with it, so that they have activations in common.
    """

    epochs: int
    adapts: bool
    cost: PlanCost
    shares: bool = True


@dataclass(frozen=True)
class ModelCost:
    """What one backbone takes.

    Attributes:
        device: where it was measured.
        weights_bytes: the model on disk.
        precision_seconds: until the precision is chosen, as the stage probe does it.
        ready_seconds: until the device has computed for the first time, in every process.
        forward_seconds: an image's logits.
        evaluate_gib: peak memory of evaluation.
        strategies: the stretches of every strategy.
    """

    device: str
    weights_bytes: int
    precision_seconds: float
    ready_seconds: float
    forward_seconds: float
    evaluate_gib: float
    strategies: Mapping[str, Sequence[Stretch]]


@dataclass(frozen=True)
class PictureCost:
    """What a picture takes before training; None where that was not measured.

    Attributes:
        decode_seconds: to decode and resize one.
        draw_seconds, draw_bytes: to draw a phantom, and its file.
    """

    decode_seconds: float | None
    draw_seconds: float | None = None
    draw_bytes: float | None = None


@dataclass(frozen=True)
class Costs:
    """Everything that was measured.

    Attributes:
        models: by name.
        pictures: before training.
        torch_start, plain_start: seconds until a process has imported what a stage with, and one without, torch needs.
        statistics_seconds: of evaluate, once its process has started.
    """

    models: Mapping[str, ModelCost]
    pictures: PictureCost
    torch_start: float
    plain_start: float
    statistics_seconds: float
