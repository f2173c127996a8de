"""Heat maps: how much each part of an X-ray speaks for a class, by the methods of the library grad-cam.

All three weigh the activations A of one module (``thaw.explain.places``) with the gradients of the class's logit by
them, add up the channels and keep what is positive:

- gradcam: Selvaraju et al. 2017 (arXiv:1610.02391), section 3, equations 1 and 2: each channel with its mean gradient.
- gradcam++: Chattopadhay et al. 2018 (arXiv:1710.11063), section 3 and equation 19: each channel with its positive
  gradients, weighed by place, so that small and repeated findings count as large ones do.
- layercam: Jiang et al. 2021, "LayerCAM: Exploring hierarchical class activation maps for localization", IEEE
  Transactions on Image Processing 30, section III: every place of a channel with its own positive gradient, which makes
  early blocks usable.

A map says where a network found what speaks for a class, and not that it found the disease.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from thaw.backbones.classifier import Classifier
from thaw.explain.places import activations_and_gradients, enlarge, evaluating, find_places, pictures
from thaw.explain.rollout import attention_maps
from thaw.params.explain import ExplainMethod
from thaw.training.batches import ordered_batches


def heat_maps(
    classifier: Classifier, model: str, pixels: NDArray[np.uint8], targets: NDArray[np.int64], method: ExplainMethod,
    block: str | None, device: torch.device, batch_size: int = 16,
) -> NDArray[np.float32]:  # fmt: skip
    """Heat maps (n, H, W) of classes in images: 1 at each map's hottest pixel, 0 where nothing speaks for the class.

    A map that is 0 everywhere belongs to an image in which nothing does.

    Args:
        classifier: on ``device``; it is left as it was, to the last flag.
        model: its backbone's name.
        pixels: (n, H, W), square.
        targets: number of the class whose logit is explained, of each image, (n,).
        method: see above; rollout: ``thaw.explain.rollout``, which is the same for every class and asks for no block.
        block: of whose output; None: the last block that has places.
        device: of the computation, in float32.
        batch_size: images at a time.

    Raises:
        UserError: the network has no such block, or no attention for rollout.
    """
    if method == "rollout":
        return attention_maps(classifier, model, pixels, device, batch_size)
    size_px = pixels.shape[-1]
    maps = np.zeros(pixels.shape, dtype=np.float32)
    places = find_places(classifier, model, block, size_px)
    with evaluating(classifier):
        library = _library(classifier, method)
        for positions in ordered_batches(len(pixels), batch_size):
            rows = positions.numpy()
            wanted = torch.from_numpy(targets[rows]).to(device)
            found = activations_and_gradients(classifier, places, pictures(pixels[rows], device), wanted)
            maps[rows] = enlarge(_positive(library, *(tensor.cpu().numpy() for tensor in found)), size_px)
    return maps


def _library(classifier: Classifier, method: ExplainMethod) -> Any:
    """The library's formula. It listens to no layer: it is given the activations and gradients."""
    # imported here: it takes seconds, and brings OpenCV
    from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, LayerCAM

    formulas = {"gradcam": GradCAM, "gradcam++": GradCAMPlusPlus, "layercam": LayerCAM}
    return formulas[method](model=classifier, target_layers=[])


def _positive(library: Any, activations: NDArray[np.float32], gradients: NDArray[np.float32]) -> torch.Tensor:
    """The positive part of the maps (N, h, w) of activations and gradients (N, C, h, w).

    Every formula gives the same when gradients are divided by what activations are multiplied with. The largest
    gradient is made 1, because Grad-CAM++ of the library adds 1e-6 to sums of squared gradients, which in a deep
    network are smaller than that.
    """
    largest = np.abs(gradients).max(axis=(1, 2, 3), keepdims=True)
    unit = np.where(largest > 0, largest, 1)
    maps = library.get_cam_image(None, None, None, activations * unit, gradients / unit, False)
    return torch.from_numpy(np.maximum(maps, 0))
