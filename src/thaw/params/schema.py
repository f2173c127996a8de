"""The whole of params.yaml: one class a section, every key required unless it has a default."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from thaw.backbones.catalog import ARCHITECTURES, TIMM
from thaw.errors import did_you_mean
from thaw.params.dataset import DatasetParams, PreprocessParams, SplitParams
from thaw.params.evaluation import EvaluateParams
from thaw.params.explain import ExplainParams
from thaw.params.section import Section, Text, unique
from thaw.params.strategy import Phases, ScheduleField, StrategyName

Auto = bool | Literal["auto"]


def _auto(value: Any) -> Auto:
    if value == "auto" or isinstance(value, bool):
        return value  # type: ignore[no-any-return]
    raise ValueError("use auto, true or false")


AutoField = Annotated[Auto, BeforeValidator(_auto)]


class LossParams(Section):
    """What is minimised, and how rare classes and hard images are weighed."""

    name: Literal["standard", "focal"]
    gamma: float = Field(ge=0, le=10)
    alpha: Annotated[float, Field(gt=0, lt=1)] | None
    smoothing: float = Field(ge=0, lt=1)
    class_weights: bool
    max_class_weight: float = Field(ge=1, allow_inf_nan=False)
    hardest: float = Field(gt=0, le=1)
    sampling: Literal["uniform", "balanced"]


class TrainParams(Section):
    """What all strategies share when they are trained."""

    batch_size: int = Field(ge=2, le=4096)
    accumulate: int = Field(ge=1, le=1024)
    optimizer: Literal["adamw", "adam", "sgd"]
    weight_decay: float = Field(ge=0, le=1)
    clip_norm: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None
    schedule: ScheduleField
    augment: Literal["none", "light", "medical", "randaugment"]
    mirror: bool
    frozen_views: Annotated[int, Field(ge=1, le=1000)] | None
    loss: LossParams
    precision: Literal["auto", "fp32", "bf16", "fp16"]
    channels_last: AutoField
    compile: AutoField
    device: Literal["auto", "cpu", "cuda"]
    devices: Annotated[int, Field(ge=1, le=1024)]
    nodes: Annotated[int, Field(ge=1, le=1024)]
    cache_gib: float = Field(ge=0, le=1_000_000)


def _model(name: str) -> str:
    if name not in ARCHITECTURES and not TIMM.fullmatch(name):
        known = f"{', '.join(ARCHITECTURES)}, or timm/<name>"
        raise ValueError(f"use one of {known}{did_you_mean(name, ARCHITECTURES)}")
    return name


Model = Annotated[str, AfterValidator(_model)]
Compared = Annotated[list[str], Field(min_length=3, max_length=3)]
Fold = Annotated[int, Field(ge=2)]
Subset = Annotated[int, Field(ge=10)]


class Params(Section):
    """The whole of params.yaml."""

    dataset: DatasetParams
    split: SplitParams
    preprocess: PreprocessParams
    weights: dict[Model, Text]
    models: Annotated[list[Model], Field(min_length=1), AfterValidator(unique)]
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), AfterValidator(unique)]
    folds: Annotated[list[Fold], AfterValidator(unique)]
    subsets: Annotated[list[Subset], AfterValidator(unique)]
    strategy: str
    compared: Compared
    strategies: Annotated[dict[StrategyName, Phases], Field(min_length=1)]
    train: TrainParams
    evaluate: EvaluateParams
    explain: ExplainParams
