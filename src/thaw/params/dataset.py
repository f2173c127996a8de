"""What params.yaml may say of the data: which X-rays, how they are split, how they are decoded."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from thaw.params.section import Fraction, Section, Text, unique


def _column_names(value: Any) -> str | list[str]:
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError("name one column, or a list of 0/1 columns")
    return value if isinstance(value, str) else unique(names)


DatasetName = Literal["phantom", "nih", "pneumonia", "tuberculosis", "covid", "folder", "table"]


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


def regular_expression(pattern: str | None) -> str | None:
    """Return a pattern that has a group; raise ValueError for another one."""
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

    name: DatasetName
    path: Text
    download: Annotated[str | list[Address] | None, BeforeValidator(_download)]
    subset: Annotated[int, Field(ge=10)] | None
    classes: Annotated[list[Text], Field(min_length=1), AfterValidator(unique)] | None
    labels: Literal[14, 15]
    patient_pattern: Annotated[str | None, AfterValidator(regular_expression)]
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
    folds: Annotated[int, Field(ge=3, le=100)] | None

    @property
    def fractions(self) -> dict[str, float]:
        """Share of the images by split."""
        return {"train": self.train, "val": self.val, "test": self.test}

    @model_validator(mode="after")
    def _whole(self) -> SplitParams:
        total = sum(self.fractions.values())
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            raise ValueError(f"train, val and test add up to {total:g}; they must add up to 1")
        if self.folds is not None and self.by != "patient":
            raise ValueError(f"folds {self.folds} go with by: patient alone; set folds: null, or by: patient")
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
