"""What every finding is made of: where a lesion lies in a patient, how severe it is, and what it adds to the map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from thaw.phantom.anatomy import LEFT, RIGHT, Anatomy
from thaw.phantom.chest import Chest
from thaw.phantom.fields import Map


@dataclass(frozen=True)
class Lesion:
    """One finding of one image: ``generator`` (the patient's own) gives place and shape, ``severity`` is 0..1."""

    severity: float
    generator: np.random.Generator

    def side(self) -> int:
        """Draw LEFT or RIGHT."""
        return LEFT if self.generator.random() < 0.5 else RIGHT

    def between(self, mild: float, severe: float) -> float:
        """Return the length or contrast that this severity has."""
        return mild + (severe - mild) * self.severity


@dataclass(frozen=True)
class Patch:
    """What a lesion adds to the attenuation, and the region (0..1) that its box encloses."""

    change: Map
    region: Map


def patch(change: Map) -> Patch:
    """Return a patch whose box encloses what it changes."""
    return Patch(change, np.abs(change))


def unchanged(anatomy: Anatomy, _lesion: Lesion) -> Anatomy:
    """Return the anatomy of a finding that changes no organ's shape."""
    return anatomy


@dataclass(frozen=True)
class Finding:
    """How a finding is drawn: ``reshape`` the anatomy before the chest is built, then ``paint`` on the chest."""

    paint: Callable[[Chest, Lesion], list[Patch]]
    reshape: Callable[[Anatomy, Lesion], Anatomy] = unchanged
