"""Heat maps as colour over the X-ray."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

# perceptually uniform, and black where there is no heat, which is not drawn at all: Smith and van der Walt, "A better
# default colormap for matplotlib", SciPy 2015
COLOURS = (colormaps["inferno"](np.arange(256), bytes=True)[:, :3]).astype(np.float32)
MOST_OPAQUE = 0.6  # where the heat is greatest: ribs and vessels still show through


def overlay(pixels: NDArray[np.uint8], heat: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An X-ray (H, W) with a stored map (56, 56) laid over it, as RGB (H, W, 3).

    The colour runs from black over red to yellow, and covers the more the hotter it is: where there is no heat the
    X-ray is as it was, where it is greatest 40 % of it shows through.
    """
    height, width = pixels.shape
    smooth = np.asarray(Image.fromarray(heat).resize((width, height), Image.Resampling.BILINEAR))
    covered = (MOST_OPAQUE / 255 * smooth.astype(np.float32))[..., None]
    mixed: NDArray[np.float32] = (1 - covered) * pixels[..., None] + covered * COLOURS[smooth]
    return np.rint(mixed).astype(np.uint8)
