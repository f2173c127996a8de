"""Random numbers of a phantom: a generator per seed, patient and use, so that no drawing depends on another."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What the random numbers are used for."""

    COURSE = 0
    ANATOMY = 1
    MARKINGS = 2
    LESION = 3
    SEVERITY = 4
    POSITION = 5
    ACQUISITION = 6


def stream(seed: int, patient: int, use: Stream, *keys: int) -> np.random.Generator:
    """Return the generator of one use in one patient (``keys``: the finding's or follow-up's number)."""
    return np.random.default_rng((seed, patient, int(use), *keys))
