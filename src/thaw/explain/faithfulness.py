"""Whether heat maps show what a network looks at: pictures without their hottest pixels, and pictures of those alone.

Deletion and insertion curves, Petsiuk et al. 2018 (arXiv:1806.07421, RISE), section 4. Deletion gives the hottest
pixels their picture's mean gray; the sooner the probability of the class falls, the better. Insertion puts the hottest
pixels of a picture back into its blurred copy; the sooner the probability rises, the better. Both say something about
a map only beside a map that knows nothing, so random maps, as smooth as heat maps of 7 x 7 places, are measured too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from thaw.backbones.classifier import Classifier
from thaw.evaluation.probabilities import probabilities
from thaw.explain.places import enlarge, evaluating, pictures
from thaw.labels import Task
from thaw.training.batches import ordered_batches

# standard deviation of the blur by side: 14 of 224 pixels, where RISE has 5, because findings are larger than edges
BLUR = 1 / 16
RANDOM_PLACES = 7
DIGITS = 6  # of a map: pixels that differ by less were enlarged from the same heat
BATCH = 32
CURVES = ("deletion", "insertion", "random_deletion", "random_insertion")
NO_IMAGE = "there is no image to measure"


def measure_faithfulness(
    classifier: Classifier, pixels: NDArray[np.uint8], targets: NDArray[np.int64], maps: NDArray[np.float32],
    steps: int, task: Task, device: torch.device, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Mean curves over images, and the areas under them by trapezoids.

    ``fractions``: shares of the pixels from 0 to 1, steps + 1 of them; ``deletion``, ``insertion``, ``random_deletion``
    and ``random_insertion``: the mean probability of the images' classes at each; the same with ``_area``; ``images``:
    how many; ``reason``: why there is nothing else than None, or None.

    Args:
        classifier: on ``device``; it is left as it was.
        pixels: (n, H, W), square.
        targets: number of the class that is looked for in each image, (n,).
        maps: its heat maps, (n, H, W). Pixels that are equally hot follow each other at random.
        steps: of the curves.
        task: how logits become probabilities.
        device: of the computation, in float32.
        seed: of the random maps, and of the order of equally hot pixels.
    """
    fractions = np.linspace(0, 1, steps + 1)
    measured: dict[str, Any] = {"reason": None, "images": len(pixels), "fractions": fractions.tolist()}
    if not len(pixels):
        empty = {name: None for curve in CURVES for name in (curve, f"{curve}_area")}
        return measured | empty | {"reason": NO_IMAGE}
    random = np.random.default_rng(seed)
    counts = np.rint(fractions * pixels[0].size).astype(np.int64)
    curves = np.zeros((len(pixels), len(CURVES), steps + 1))
    with evaluating(classifier):
        for number, (picture, heat) in enumerate(zip(pixels, maps, strict=True)):
            orders = [_order(one, random) for one in (heat, _random_map(len(picture), random))]
            altered = np.concatenate([_altered(picture, order, counts) for order in orders])
            scores = probabilities(_logits(classifier, altered, device), task)[:, targets[number]]
            curves[number] = scores.reshape(len(CURVES), -1)
    for name, curve in zip(CURVES, curves.mean(axis=0), strict=True):
        measured |= {name: curve.tolist(), f"{name}_area": float(np.trapezoid(curve, fractions))}
    return measured


def _order(heat: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.int64]:
    """The place of each pixel (H, W) among all, the hottest being 0."""
    hottest_first = np.lexsort((random.random(heat.size), -heat.ravel().round(DIGITS)))
    places = np.empty(heat.size, dtype=np.int64)
    places[hottest_first] = np.arange(heat.size)
    return places.reshape(heat.shape)


def _random_map(size_px: int, random: np.random.Generator) -> NDArray[np.float32]:
    places = torch.from_numpy(random.random((1, RANDOM_PLACES, RANDOM_PLACES)))
    drawn: NDArray[np.float32] = enlarge(places, size_px)[0]
    return drawn


def _altered(picture: NDArray[np.uint8], order: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """The pictures of a deletion curve, then those of an insertion curve: (2 (steps + 1), H, W), from 0 to 255."""
    original, hottest = picture.astype(np.float32), order < counts[:, None, None]
    blurred = gaussian_filter(original, BLUR * len(picture))
    return np.concatenate([np.where(hottest, original.mean(), original), np.where(hottest, original, blurred)])


@torch.no_grad()
def _logits(classifier: Classifier, altered: NDArray[np.float32], device: torch.device) -> NDArray[np.float64]:
    parts = [classifier(pictures(altered[rows.numpy()], device)) for rows in ordered_batches(len(altered), BATCH)]
    logits: NDArray[np.float64] = torch.cat(parts).double().cpu().numpy()
    return logits
