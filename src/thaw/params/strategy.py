"""What params.yaml may say of a strategy: a list of phases, each a stretch of training."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from thaw.errors import did_you_mean
from thaw.params.section import Rate, Section

STRATEGY_NAME = re.compile(r"[a-z][a-z0-9_]*")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


class Last(Section):
    """The head and the last N blocks."""

    last: int = Field(ge=0)


class LastRange(Section):
    """The head and the last N blocks, N going in equal steps of epochs from ``first`` to ``final``, up or down."""

    first: int = Field(ge=0)
    final: int = Field(ge=0)

    @property
    def counts(self) -> list[int]:
        """All N in order."""
        step = 1 if self.final >= self.first else -1
        return list(range(self.first, self.final + step, step))


class From(Section):
    """The head, the named block and all that follow it."""

    block: str = Field(alias="from")


Word = Literal["head", "all", "norm", "bias"]
ThawPart = Word | Last | From
Thaw = tuple[ThawPart, ...] | LastRange
WORDS = ("head", "all", "norm", "bias", "last", "from")
THAW_FORMS = "head, all, norm, bias, {last: N} with N from 0, {last: 1..N}, {from: block}, or a list of these"


def _thaw(value: Any) -> Thaw:
    if isinstance(value, dict) and len(value) == 1 and (ends := _RANGE.fullmatch(str(value.get("last", "")))):
        return LastRange(first=int(ends[1]), final=int(ends[2]))
    parts = value if isinstance(value, list) and value else [value]
    return tuple(_thaw_part(part) for part in parts)


def _thaw_part(value: Any) -> ThawPart:
    match value:
        case "head" | "all" | "norm" | "bias":
            return value  # type: ignore[no-any-return]
        case {"last": int(count)} if len(value) == 1 and not isinstance(count, bool) and count >= 0:
            return Last(last=count)
        case {"from": str(block)} if len(value) == 1:
            return From.model_validate({"from": block})
        case _:
            word = next(iter(value), "") if isinstance(value, dict) else value
            raise ValueError(f"use {THAW_FORMS}{did_you_mean(word, WORDS) if word not in WORDS else ''}")


class Step(Section):
    """A tenth of the rate after every ``step`` epochs."""

    step: int = Field(ge=1)


class Plateau(Section):
    """A tenth of the rate whenever the validation loss has not fallen for more than ``plateau`` epochs."""

    plateau: int = Field(ge=0)


Schedule = Literal["constant", "cosine", "one_cycle"] | Step | Plateau
SCHEDULE_FORMS = "constant, cosine, one_cycle, {step: epochs} or {plateau: epochs}"


def _schedule(value: Any) -> Schedule:
    match value:
        case "constant" | "cosine" | "one_cycle" | Step() | Plateau():
            return value
        case {"step": int(epochs)} if len(value) == 1 and not isinstance(epochs, bool) and epochs >= 1:
            return Step(step=epochs)
        case {"plateau": int(epochs)} if len(value) == 1 and not isinstance(epochs, bool) and epochs >= 0:
            return Plateau(plateau=epochs)
        case _:
            words = ("constant", "cosine", "one_cycle", "step", "plateau")
            word = next(iter(value), "") if isinstance(value, dict) else value
            raise ValueError(f"use {SCHEDULE_FORMS}{did_you_mean(word, words) if word not in words else ''}")


ScheduleField = Annotated[Schedule, BeforeValidator(_schedule)]


class Phase(Section):
    """A stretch of training with one rule of what is thawed.

    Attributes:
        thaw: what is trained besides the head.
        epochs: for how many passes over the training images.
        lr: the head's learning rate.
        backbone_lr: thawed blocks learn at ``lr`` times this.
        layer_decay: and each block farther from the head at this times the rate of the block after it.
        schedule: how the rates go over the phase; None: as ``train.schedule`` says.
        warmup: epochs over which the rates rise from 0, a fraction allowed.
        start: where a later phase begins: the best or last epoch before it, or the pretrained weights again.
        patience: end the phase after so many epochs without a better one; None: never.
        adapt_norm: first estimate the statistics of all BatchNorm layers anew on the training images.
        weights: ``none`` in the first phase: the backbone begins with random weights.
    """

    thaw: Annotated[Thaw, BeforeValidator(_thaw)]
    epochs: int = Field(ge=1, le=1000)
    lr: Rate
    backbone_lr: Annotated[float, Field(gt=0, le=10)] = 1.0
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    schedule: ScheduleField | None = None
    warmup: float = Field(default=0.0, ge=0)
    start: Literal["best", "last", "pretrained"] = "best"
    patience: Annotated[int, Field(ge=1)] | None = None
    adapt_norm: bool = False
    weights: Literal["pretrained", "none"] = "pretrained"

    @model_validator(mode="after")
    def _fits(self) -> Phase:
        if isinstance(self.thaw, LastRange) and self.epochs < len(self.thaw.counts):
            steps = len(self.thaw.counts)
            raise ValueError(f"thaw takes {steps} steps and needs as many epochs; it has {self.epochs}")
        if self.warmup >= self.epochs:
            raise ValueError(f"warmup {self.warmup:g} must be shorter than the phase's {self.epochs} epochs")
        return self


def _phases(phases: list[Phase]) -> list[Phase]:
    if any(phase.weights == "none" for phase in phases[1:]):
        raise ValueError("weights: none belongs to the first phase: it says where the backbone begins")
    return phases


def _strategy_name(name: str) -> str:
    if not STRATEGY_NAME.fullmatch(name):
        raise ValueError("a strategy's name has small letters, digits and _ only")
    return name


StrategyName = Annotated[str, AfterValidator(_strategy_name)]
Phases = Annotated[list[Phase], Field(min_length=1), AfterValidator(_phases)]
