"""Random streams, one for each use, so that what one consumes cannot change another.

Batches, augmentation and initialisation must be the same for every strategy of a model and seed, although the
strategies run different numbers of epochs and draw different amounts of dropout.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import torch

Use = Literal["order", "augmentation", "dropout"]


def stream_seed(seed: int, use: Use, epoch: int = 0) -> int:
    """A seed of 63 bits for one use in one epoch, the same on every machine."""
    digest = hashlib.sha256(f"{seed}/{use}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def stream(seed: int, use: Use, epoch: int) -> torch.Generator:
    """A generator on the CPU for one use in one epoch (counted over all phases of a strategy, from 0)."""
    return torch.Generator().manual_seed(stream_seed(seed, use, epoch))
