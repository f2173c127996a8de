"""Underdiagnosis: ill patients whom a model calls healthy, which keeps them from being seen in time.

Seyyed-Kalantari, Zhang, McDermott, Chen and Ghassemi, "Underdiagnosis bias of artificial intelligence algorithms
applied to chest radiographs in under-served patient populations", Nature Medicine 27 (2021): the false positive rate of
"No Finding", by group of patients.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from thaw.evaluation.subgroups.groups import Mask
from thaw.evaluation.subgroups.judged import Judged

HEALTHY = frozenset({"normal", "nofinding", "nofindings", "healthy"})  # small letters, and nothing between them


@dataclass(frozen=True)
class Underdiagnosis:
    """Which images count, and how.

    Attributes:
        ill: images with a finding, (N,).
        missed: those of them for which the model finds nothing, (N,).
        definition: what the rate, ``missed`` as a share of ``ill``, means here; None where it has no meaning.
        reason: why it has none; None where it has one.
    """

    ill: Mask
    missed: Mask
    definition: str | None
    reason: str | None


def underdiagnosis(judged: Judged) -> Underdiagnosis:
    """Find the images with a finding for which the model finds nothing.

    Where a class says that nothing is found (No Finding, NORMAL, healthy), these are the images without it that are
    given it: as their likeliest class where an image has exactly one, else by its threshold. Where there is no such
    class, they are the images with a finding of which no class reaches its threshold; classes without a threshold are
    left out.
    """
    healthy = next((index for index, name in enumerate(judged.classes) if _letters(name) in HEALTHY), None)
    if healthy is not None:
        return _of_class(judged, healthy)
    if judged.task == "multiclass":
        return _without_meaning(judged, "no class says that nothing is found, as NORMAL and No Finding do")
    if not judged.decidable.any():
        return _without_meaning(judged, "no class has an operating point")
    ill = (judged.labels[:, judged.decidable] == 1).any(axis=1)
    definition = "share of the images with a finding for which no class reaches its threshold"
    return Underdiagnosis(ill, ill & ~judged.decisions.any(axis=1), definition, None)


def _of_class(judged: Judged, healthy: int) -> Underdiagnosis:
    name, ill = judged.classes[healthy], judged.labels[:, healthy] == 0
    if judged.task == "multiclass":
        given = judged.probabilities.argmax(axis=1) == healthy
        return Underdiagnosis(ill, ill & given, f"share of the images without {name} whose likeliest class it is", None)
    if not judged.decidable[healthy]:
        return _without_meaning(judged, f"{name} has no operating point")
    given = judged.decisions[:, healthy]
    definition = f"share of the images without {name} that reach its threshold (its false positive rate)"
    return Underdiagnosis(ill, ill & given, definition, None)


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _without_meaning(judged: Judged, reason: str) -> Underdiagnosis:
    nothing = np.zeros(len(judged.labels), dtype=bool)
    return Underdiagnosis(nothing, nothing, None, reason)
