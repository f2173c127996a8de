"""What params.yaml may say of evaluation: operating points, calibration, intervals, prediction sets, subgroups."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from thaw.params.dataset import Columns, DatasetName, regular_expression
from thaw.params.section import Fraction, Section, Text, unique

CalibrationMethod = Literal["none", "temperature", "platt", "isotonic", "vector"]


class GridParams(Section):
    """Thresholds from ``start`` to ``stop`` in steps of ``step``."""

    start: Fraction
    stop: Fraction
    step: Fraction

    @model_validator(mode="after")
    def _rises(self) -> GridParams:
        if self.start >= self.stop:
            raise ValueError("start must be below stop")
        return self


class OperatingPointParams(Section):
    """How the threshold of each class is fitted on validation images."""

    method: Literal["f1", "youden", "sensitivity", "cost"]
    grid: GridParams | None
    sensitivity: Fraction
    specificity: Fraction
    miss_cost: float = Field(gt=0, allow_inf_nan=False)


class ConformalParams(Section):
    """What prediction sets promise."""

    risk: Fraction
    confidence: Fraction
    repeats: int = Field(ge=0, le=10_000)


class SubgroupParams(Section):
    """Which groups of patients are measured by themselves."""

    ages: Annotated[list[Annotated[int, Field(ge=0, le=150)]], AfterValidator(unique)]
    minimum: int = Field(ge=1)


Meanings = Annotated[list[Text], Field(min_length=1), AfterValidator(unique)]


class ExternalParams(Section):
    """Another set of X-rays that trained models are tested on unchanged."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    dataset: DatasetName
    path: Text
    classes: Annotated[dict[Text, Meanings], Field(min_length=1)]
    patient_pattern: Annotated[str | None, AfterValidator(regular_expression)] = None
    columns: Columns | None = None


def _named_once(sets: list[ExternalParams]) -> list[ExternalParams]:
    unique([other.name for other in sets])
    return sets


class EvaluateParams(Section):
    """How test images are measured and strategies compared."""

    batch_size: int = Field(ge=1, le=4096)
    threshold: Fraction
    operating_point: OperatingPointParams
    calibration: CalibrationMethod
    resamples: int = Field(ge=100, le=100_000)
    confidence: float = Field(gt=0.5, lt=1)
    margin: Fraction
    conformal: ConformalParams
    subgroups: SubgroupParams
    external: Annotated[list[ExternalParams], AfterValidator(_named_once)]
