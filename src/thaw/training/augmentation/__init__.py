"""Augmentation of batches on the device they are on, the same function for CPU and GPU, by named policies.

Every image's random numbers are drawn by its position in the split, before the batches are formed, so the result
depends neither on the order of the batches nor on their size.
"""

from __future__ import annotations

from thaw.training.augmentation.policies import Policy, augment, draw

__all__ = ["Policy", "augment", "draw"]
