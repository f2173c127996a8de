"""The mean of one metric over several trainings."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

DIGITS = 6


def average(values: Sequence[Any]) -> Any:
    """Mean of one metric over trainings, rounded; nested metrics name by name.

    Trainings for which it is undefined (None) are left out; None where it is undefined for all.

    >>> average([{"f1": {"Mass": 0.2}}, {"f1": {"Mass": 0.4}}, {"f1": {"Mass": None}}])
    {'f1': {'Mass': 0.3}}
    """
    if isinstance(values[0], dict):
        return {name: average([value[name] for value in values]) for name in values[0]}
    defined = [value for value in values if value is not None]
    if not defined:
        return None
    # equal counts stay whole numbers
    return round(defined[0] if len(set(defined)) == 1 else fmean(defined), DIGITS)
