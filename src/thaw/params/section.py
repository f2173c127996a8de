"""What every section of params.yaml shares: unknown keys are refused, values are checked, never converted."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A part of params.yaml: unknown keys are refused, values are not converted, nothing can be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Fraction = Annotated[float, Field(gt=0, lt=1)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]


def unique(items: list[Any]) -> list[Any]:
    """Return a list of different items; raise ValueError for a repeated one."""
    if len(set(items)) < len(items):
        raise ValueError("names something twice; each may stand there once")
    return items
