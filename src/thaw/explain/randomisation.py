"""Whether heat maps depend on what a network has learnt: the cascading randomisation of its blocks.

Adebayo et al. 2018 (arXiv:1810.03292): the head's weights are drawn anew, then also the last block's, and
so on down to the stem. Maps that stay alike would show the picture's edges, not the network's reasons.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from thaw import strategies
from thaw.backbones.classifier import Classifier
from thaw.explain.heat_maps import heat_maps
from thaw.explain.places import pictures, places_block
from thaw.params.explain import ExplainMethod
from thaw.training.batches import cut
from thaw.training.normalisation import BatchNorm

MOST_STOPS = 6
BATCH = 16
NO_IMAGE = "there is no image to measure"


def measure_randomisation(
    classifier: Classifier, model: str, pixels: NDArray[np.uint8], targets: NDArray[np.int64], method: ExplainMethod,
    block: str | None, device: torch.device, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """How far maps stay alike while the network is randomised from the head to the stem.

    ``blocks``: for the blocks from the head to the stem, at most six of them, evenly chosen, ``block`` and
    ``correlation``: the mean over images of Spearman's correlation of the trained network's map with that of the
    network in which this block and all behind it are random. An image one of whose maps is the same everywhere has
    none; None where that is every image. ``images``: how many; ``reason``: why there are no blocks, or None.

    Args:
        classifier: on ``device``; it is left as it was, a copy is randomised.
        model: its backbone's name.
        pixels: (n, H, W), square.
        targets: number of each image's class, (n,).
        method, block: see ``heat_maps``.
        device: of the computation, in float32.
        seed: of the random weights.

    Raises:
        UserError: see ``heat_maps``.
    """
    if not len(pixels):
        return {"reason": NO_IMAGE, "images": 0, "blocks": []}
    place = None if method == "rollout" else places_block(classifier, model, block, pixels.shape[-1])
    trained = heat_maps(classifier, model, pixels, targets, method, place, device)
    # not a generator of torch: with the same seed it would draw the weights with which the head began
    changed, random = copy.deepcopy(classifier), np.random.default_rng(seed)
    blocks = []
    for names in _stops(classifier.block_names):
        for name in names:
            _randomise(changed, name, random)
        _settle(changed, changed.block_names[changed.block_names.index(names[-1]) :], pixels, device)
        maps = heat_maps(changed, model, pixels, targets, method, place, device)
        blocks.append({"block": names[-1], "correlation": _likeness(trained, maps)})
    return {"reason": None, "images": len(pixels), "blocks": blocks}


def _stops(block_names: Sequence[str]) -> list[list[str]]:
    """The blocks from the last to the first in parts, after each of which maps are made; the head is the first part."""
    backwards = [*reversed(block_names)]
    count = min(MOST_STOPS, len(backwards))
    ends = [0, *(1 + np.rint(np.linspace(0, len(backwards) - 1, count)).astype(int)).tolist()]
    return [backwards[start:end] for start, end in itertools.pairwise(ends)]


@torch.no_grad()
def _randomise(classifier: Classifier, block: str, random: np.random.Generator) -> None:
    """Draw a block's parameters anew from normal distributions.

    Weights are drawn about 0 with their root mean square, biases and the gains of normalisation with their own mean and
    standard deviation: what was learnt goes, and signals neither fade out nor grow without bounds.
    """
    for path, parameter in classifier.network.named_parameters():
        if classifier.block_of(path) == block:
            mean = parameter.mean() if parameter.ndim < 2 else parameter.new_zeros(())
            spread = (parameter - mean).square().mean().sqrt()
            drawn = torch.from_numpy(random.standard_normal(parameter.shape, np.float32))
            parameter.copy_(mean + spread * drawn.to(parameter.device))


@torch.no_grad()
def _settle(classifier: Classifier, blocks: Sequence[str], pixels: NDArray[np.uint8], device: torch.device) -> None:
    """Estimate the statistics of BatchNorm in random blocks anew, on these images: the old are of other weights."""
    norms = [
        module
        for path, module in classifier.network.named_modules()
        if isinstance(module, BatchNorm) and classifier.block_of(path) in blocks
    ]
    if not norms:
        return
    strategies.set_evaluation(classifier)
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum, norm.training = None, True  # None: the plain average over all batches
    # a single image twice: where it has one place left, BatchNorm could not take its variance
    enough = pixels if len(pixels) > 1 else np.repeat(pixels, 2, axis=0)
    for positions in cut(torch.arange(len(enough)), BATCH):
        classifier(pictures(enough[positions.numpy()], device))
    for norm in norms:
        norm.training = False


def _likeness(trained: NDArray[np.float32], others: NDArray[np.float32]) -> float | None:
    """Mean rank correlation of maps (n, H, W) with others."""
    pairs = [(one.ravel(), other.ravel()) for one, other in zip(trained, others, strict=True)]
    found = [spearmanr(one, other).statistic for one, other in pairs if np.ptp(one) > 0 and np.ptp(other) > 0]
    return float(np.mean(found)) if found else None
