"""Which blocks moved: how alike the blocks of a trained network are to those of the pretrained one, by linear CKA."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from thaw import strategies
from thaw.backbones.classifier import HEAD, Classifier

FEWEST_IMAGES = 4  # the estimator divides by n - 3
PROBED_IMAGES = 2
# less variance than this share of the features' size is rounding
ROUNDING = 1e-10

Numbers = NDArray[np.float64]
Hook = Callable[[nn.Module, tuple[Any, ...], Any], None]


def block_similarity(
    trained: Classifier, pretrained: Classifier, pixels: NDArray[np.uint8], device: torch.device
) -> list[dict[str, Any]]:
    """Linear CKA of each block's output between two networks of one backbone, on the same images.

    1: the block makes of images what the pretrained one makes, but for rotation and scale; 0: nothing alike. The
    examples are the images; an image's features are all channels at all places of the block's output, as in Kornblith
    et al.: their mean over the places would hide what moved within the picture.

    Args:
        trained, pretrained: on ``device``; both are left in evaluation mode.
        pixels: (n, H, W) gray; all n pass the network at once, so some tens of them.
        device: where both compute, in fp32.

    Returns:
        ``block`` and ``cka`` (0..1) of every block but the head, in the order in which an image passes them. ``cka`` is
        None with fewer than 4 images, or where a block's output does not depend on the image.
    """
    images = torch.from_numpy(np.array(pixels)).to(device).unsqueeze(1).float().div_(255)
    names = trained.block_names[:-1]
    if len(images) < FEWEST_IMAGES:
        return [{"block": name, "cka": None} for name in names]
    after, before = (block_products(classifier, images) for classifier in (trained, pretrained))
    none = np.zeros((len(images), len(images)))
    return [{"block": name, "cka": linear_cka(after.get(name, none), before.get(name, none))} for name in names]


def linear_cka(one: Numbers, other: Numbers) -> float | None:
    """Centred kernel alignment of two tables of products, with the unbiased estimator of HSIC, cut to 0..1.

    Kornblith et al., "Similarity of neural network representations revisited", ICML 2019, arXiv:1905.00414, section 3,
    with the estimator that Nguyen, Raghu and Kornblith 2021, arXiv:2010.15327, take for few images (their equations 2
    and 3): the biased one is near 1 for any features that are more than the images.

    Args:
        one: inner products of the features of every two images, (n, n), n at least 4.
        other: of the same images by other features, (n, n).

    Returns:
        None where one of them does not vary.
    """
    own = [unbiased_hsic(products, products) for products in (one, other)]
    sizes = [float(np.trace(products) / len(products)) ** 2 for products in (one, other)]
    if any(spread <= ROUNDING * size for spread, size in zip(own, sizes, strict=True)):
        return None
    alike = unbiased_hsic(one, other) / np.sqrt(own[0]) / np.sqrt(own[1])
    return float(np.clip(alike, 0, 1))


def unbiased_hsic(one: Numbers, other: Numbers) -> float:
    """The Hilbert-Schmidt independence criterion of two tables of products (n, n), without bias.

    Song et al., "Feature selection via dependence maximization", JMLR 13 (2012); equation 3 of Nguyen et al. 2021.
    """
    count = len(one)
    left, right = (products - np.diag(np.diag(products)) for products in (one, other))
    same = float((left * right).sum())  # the trace of their product: both are symmetric
    whole = float(left.sum()) * float(right.sum()) / ((count - 1) * (count - 2))
    rows = 2 / (count - 2) * float(left.sum(axis=0) @ right.sum(axis=0))
    return (same + whole - rows) / (count * (count - 3))


@torch.no_grad()
def block_products(classifier: Classifier, images: Tensor) -> dict[str, Numbers]:
    """Inner products (n, n) of what each block makes of images (n, 1, H, W), centred, by the block's name.

    A block's output is that of the last of its modules to run, for which every image is a row.
    """
    strategies.set_evaluation(classifier)
    blocks = {path: classifier.block_of(path) for path, _ in classifier.network.named_modules()}
    inner = {path: block for path, block in blocks.items() if block != HEAD}
    last: dict[str, str] = {}
    _run(classifier, images[:PROBED_IMAGES], {path: _note(last, block, path) for path, block in inner.items()})
    found: dict[str, Numbers] = {}
    _run(classifier, images, {path: _keep(found, block) for block, path in last.items()})
    return found


def _run(classifier: Classifier, images: Tensor, hooks: Mapping[str, Hook]) -> None:
    with ExitStack() as stack:
        for path, hook in hooks.items():
            handle = classifier.network.get_submodule(path).register_forward_hook(hook)
            stack.callback(handle.remove)
        classifier(images)


def _note(last: dict[str, str], block: str, path: str) -> Hook:
    def hook(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim > 1 and len(output) == PROBED_IMAGES:
            last[block] = path

    return hook


def _keep(found: dict[str, Numbers], block: str) -> Hook:
    # at once, not after the pass: an activation that works in place may change the output
    def hook(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> None:
        found[block] = _products(output.float().flatten(1))

    return hook


def _products(features: Tensor) -> Numbers:
    """Of centred features (n, D); zeros where they do not vary."""
    centred = features - features.mean(dim=0)
    varies = centred.square().sum() > ROUNDING * features.square().sum()
    products: Numbers = (centred @ centred.T).double().cpu().numpy()
    return products if bool(varies) else np.zeros_like(products)
