"""What each epoch of a training is expected to cost beside the others: for the time left, so only roughly."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from thaw import strategies
from thaw.strategies import Plan
from thaw.training.epoch import EpochRunner
from thaw.training.forward import views_of
from thaw.training.frozen import few_of
from thaw.training.prefix import find_prefix

BACKWARD = 2  # a backward pass costs about two forward passes


def expected_costs(runner: EpochRunner, plans: Sequence[Sequence[Plan]]) -> list[list[float]]:
    """What each epoch of each phase costs, in forward passes of an image; all 1 where nobody sees a bar."""
    if not sys.stderr.isatty():
        return [[1.0] * len(phase) for phase in plans]
    few = few_of(runner.train, runner.device)
    distinct = {id(plan): plan for phase in plans for plan in phase}
    shares = {number: _share_after(runner, plan, few) for number, plan in distinct.items()}
    views = views_of(runner.settings) if runner.frozen.store is not None else None
    return [
        costs_of_phase([shares[id(plan)] for plan in phase], views, len(runner.train), len(runner.val))
        for phase in plans
    ]


def costs_of_phase(shares: Sequence[float], views: int | None, train: int, val: int) -> list[float]:
    """What each epoch of a phase costs, in forward passes of an image through the whole network.

    Args:
        shares: for each epoch the share of a forward pass that comes after the frozen blocks.
        views: how many augmentations of an image are kept; None: none.
        train, val: images.
    """
    costs = []
    for epoch, share in enumerate(shares):
        seen = shares[:epoch].count(share)
        frozen = 0.0 if views is not None and seen >= views else 1 - share
        costs.append(train * (frozen + (1 + BACKWARD) * share) + val * (share if views is not None and seen else 1.0))
    return costs


def _share_after(runner: EpochRunner, plan: Plan, images: Tensor) -> float:
    """The share of a forward pass that comes after the frozen blocks, measured once."""
    prefix = find_prefix(runner.classifier, plan, images, runner.precision)
    if prefix is None:
        return 1.0
    activations = prefix.activations(images)
    strategies.set_evaluation(runner.classifier)
    with torch.no_grad():
        rest = _seconds(lambda: prefix.logits(activations))
    return rest / (rest + _seconds(lambda: prefix.activations(images)))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
