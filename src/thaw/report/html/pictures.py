"""X-rays and heat maps as small pictures inside the page, as many as fit."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from thaw.explain.overlay import overlay

SIDE_PX = 128
SMALL_PX = 72  # a training image beside a failure
QUALITY, EFFORT = 72, 3  # of WebP: smaller than JPEG by a third, and read by every browser since 2020

Pixels = NDArray[np.uint8]


@dataclass
class Budget:
    """How many characters pictures may still take on the page."""

    left: int

    def take(self, size: int) -> bool:
        """Take so many, if there are so many left."""
        fits = size <= self.left
        if fits:
            self.left -= size
        return fits


def xray_uri(pixels: Pixels, side_px: int = SIDE_PX) -> str:
    """A gray X-ray (H, W) as a data URI, at most so many pixels a side."""
    return _uri(_smaller(pixels, side_px))


def heat_uri(pixels: Pixels, heat: Pixels, side_px: int = SIDE_PX) -> str:
    """An X-ray (H, W) with a stored heat map (56, 56) over it, as a data URI."""
    small = np.asarray(_smaller(pixels, side_px))
    return _uri(Image.fromarray(overlay(small, heat)))


def _smaller(pixels: Pixels, side_px: int) -> Image.Image:
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    return picture


def _uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY, method=EFFORT)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
