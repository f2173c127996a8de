"""The sets that ``evaluate.external`` names, and where they are prepared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from thaw.errors import UserError, did_you_mean
from thaw.params.evaluation import ExternalParams

FOLDER = Path("data/external")


def named_set(sets: Sequence[ExternalParams], name: str) -> ExternalParams:
    """The entry of ``evaluate.external`` of this name.

    Raises:
        UserError: there is none; offers the nearest.
    """
    names = [entry.name for entry in sets]
    if name not in names:
        found = f"use one of {', '.join(names)}{did_you_mean(name, names)}" if names else "it is empty"
        raise UserError(f"evaluate.external has no set {name!r}; {found}")
    return sets[names.index(name)]
