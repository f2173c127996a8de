"""The schema of params.yaml: one class a section, every key required unless it has a default here."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from thaw.backbones.catalog import ARCHITECTURES
from thaw.errors import did_you_mean

STRATEGY_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Section(BaseModel):
    """A part of params.yaml: unknown keys are refused, values are not converted, nothing can be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Fraction = Annotated[float, Field(gt=0, lt=1)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]


def _unique(items: list[Any]) -> list[Any]:
    if len(set(items)) < len(items):
        raise ValueError("names something twice; each may stand there once")
    return items


def _column_names(value: Any) -> str | list[str]:
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError("name one column, or a list of 0/1 columns")
    return value if isinstance(value, str) else _unique(names)


class Columns(Section):
    """Names of the columns of a table of images; None: the table has no such column."""

    image: Text
    patient: Text | None
    labels: Annotated[str | list[str], BeforeValidator(_column_names)]
    sex: Text | None
    age: Text | None
    view: Text | None
    split: Text | None


class PhantomParams(Section):
    """How many synthetic X-rays to draw, how large, from which seed."""

    images: int = Field(ge=20, le=200_000)
    size: int = Field(ge=64, le=1024)
    seed: int = Field(ge=0)


def _regular_expression(pattern: str | None) -> str | None:
    if pattern is None:
        return None
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"is not a regular expression ({error})") from None
    if groups < 1:
        raise ValueError("has no group; put the part that names the patient in ( )")
    return pattern


class Address(Section):
    """One file to download and what its content must hash to."""

    url: Annotated[str, Field(pattern=r"^https?://[^/]+/.+")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]


KAGGLE_SET = re.compile(r"kaggle:[\w.-]+/[\w.-]+(/versions/[0-9]+)?")
DOWNLOAD_FORMS = "null, nih, kaggle:<owner>/<dataset>, or a list of {url: ..., sha256: ...}"


def _download(value: Any) -> Any:
    if value is None or value == "nih" or (isinstance(value, str) and KAGGLE_SET.fullmatch(value)):
        return value
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        return [Address.model_validate(entry) for entry in value]
    raise ValueError(f"use {DOWNLOAD_FORMS}")


class DatasetParams(Section):
    """Which X-rays, and where they lie."""

    name: Literal["phantom", "nih", "pneumonia", "tuberculosis", "covid", "folder", "table"]
    path: Text
    download: Annotated[str | list[Address] | None, BeforeValidator(_download)]
    subset: Annotated[int, Field(ge=10)] | None
    classes: Annotated[list[Text], Field(min_length=1), AfterValidator(_unique)] | None
    labels: Literal[14, 15]
    patient_pattern: Annotated[str | None, AfterValidator(_regular_expression)]
    columns: Columns
    separator: Text
    images: Text | None
    uncertain: Literal["refuse", "zeros", "ones", "ignore"]
    repeated: Literal["refuse", "any", "majority"]
    phantom: PhantomParams


class SplitParams(Section):
    """Shares of the images for training, validation and test."""

    by: Literal["patient", "dataset", "lists", "image"]
    lists: Text
    train: Fraction
    val: Fraction
    test: Fraction
    seed: int = Field(ge=0)

    @property
    def fractions(self) -> dict[str, float]:
        """Share of the images by split."""
        return {"train": self.train, "val": self.val, "test": self.test}

    @model_validator(mode="after")
    def _whole(self) -> SplitParams:
        total = sum(self.fractions.values())
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            raise ValueError(f"train, val and test add up to {total:g}; they must add up to 1")
        return self


class PreprocessParams(Section):
    """From files to the array that networks read."""

    size: int = Field(ge=32, le=1024)
    crop_from: Annotated[int, Field(ge=32, le=2048)] | None
    max_quarantined: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _crop_inside(self) -> PreprocessParams:
        if self.crop_from is not None and self.crop_from < self.size:
            raise ValueError(f"crop_from {self.crop_from} is smaller than size {self.size}")
        return self


class Last(Section):
    """The head and the last N blocks."""

    last: int = Field(ge=1)


class From(Section):
    """The head, the named block and all that follow it."""

    block: str = Field(alias="from")


Thaw = Literal["head", "all"] | Last | From
THAW_FORMS = "head, all, {last: N} with N from 1, or {from: block}"


def _thaw(value: Any) -> Thaw:
    match value:
        case "head":
            return "head"
        case "all":
            return "all"
        case {"last": int(count)} if len(value) == 1 and not isinstance(count, bool) and count >= 1:
            return Last(last=count)
        case {"from": str(block)} if len(value) == 1:
            return From.model_validate({"from": block})
        case _:
            words = ["head", "all", "last", "from"]
            word = next(iter(value), "") if isinstance(value, dict) else value
            raise ValueError(f"use {THAW_FORMS}{did_you_mean(word, words) if word not in words else ''}")


class Phase(Section):
    """A stretch of training with one set of thawed layers."""

    thaw: Annotated[Thaw, BeforeValidator(_thaw)]
    epochs: int = Field(ge=1, le=1000)
    lr: Rate
    backbone_lr: Annotated[float, Field(gt=0, le=10)] = 1.0
    start: Literal["best", "last"] = "best"


class TrainParams(Section):
    """What all strategies share when they are trained."""

    batch_size: int = Field(ge=2, le=4096)
    optimizer: Literal["adamw", "adam"]
    weight_decay: float = Field(ge=0, le=1)
    schedule: Literal["cosine", "constant"]
    augment: Literal["light", "none"]
    mirror: bool
    class_weights: bool
    max_class_weight: float = Field(ge=1, allow_inf_nan=False)
    precision: Literal["auto", "fp32", "bf16"]
    device: Literal["auto", "cpu", "cuda"]


class EvaluateParams(Section):
    """How the test set is measured."""

    threshold: Fraction
    batch_size: int = Field(ge=1, le=4096)


def _model(name: str) -> str:
    if name not in ARCHITECTURES:
        raise ValueError(f"use one of {', '.join(ARCHITECTURES)}{did_you_mean(name, ARCHITECTURES)}")
    return name


def _strategy_name(name: str) -> str:
    if not STRATEGY_NAME.fullmatch(name):
        raise ValueError("a strategy's name has small letters, digits and _ only")
    return name


Model = Annotated[str, AfterValidator(_model)]
StrategyName = Annotated[str, AfterValidator(_strategy_name)]
Phases = Annotated[list[Phase], Field(min_length=1)]


class Params(Section):
    """The whole of params.yaml."""

    dataset: DatasetParams
    split: SplitParams
    preprocess: PreprocessParams
    weights: dict[Model, Text]
    models: Annotated[list[Model], Field(min_length=1), AfterValidator(_unique)]
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), AfterValidator(_unique)]
    strategy: str
    strategies: Annotated[dict[StrategyName, Phases], Field(min_length=1)]
    train: TrainParams
    evaluate: EvaluateParams
