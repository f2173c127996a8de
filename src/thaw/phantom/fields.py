"""Small tools for drawing on float32 maps: soft edges, round and smooth shapes, lines, noise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Map = NDArray[np.floating[Any]]  # float32 wherever speed matters
# start x, start y, end x, end y, width (all in cm), brightness in 0..1
Line = tuple[float, float, float, float, float, float]


def ramp(distance: Map, softness: float) -> Map:
    """Return 0 outside, 1 inside and a linear edge ``softness`` wide where ``distance`` (positive inside) is 0."""
    edge: Map = np.clip(distance * np.float32(1 / softness) + np.float32(0.5), 0, 1)
    return edge


def ellipse(x: Map, y: Map, centre: tuple[float, float], radii: tuple[float, float]) -> Map:
    """Return 1 - r²: 1 in the centre of the ellipse, 0 on its border, negative outside."""
    across = ((x - np.float32(centre[0])) * np.float32(1 / radii[0])) ** 2
    down = ((y - np.float32(centre[1])) * np.float32(1 / radii[1])) ** 2
    return 1 - across - down


def ball(x: Map, y: Map, centre: tuple[float, float], radii: tuple[float, float]) -> Map:
    """Return the thickness, 1 in the middle, that rays cross in an ellipsoid."""
    return np.sqrt(np.maximum(ellipse(x, y, centre, radii), 0))


def smooth_noise(shape: tuple[int, int], cell_px: float, generator: np.random.Generator) -> Map:
    """Return noise of mean 0 and about unit spread whose bumps are ``cell_px`` wide."""
    rows, columns = (max(2, round(length / cell_px)) for length in shape)
    coarse = generator.standard_normal((rows, columns), dtype=np.float32)
    return np.asarray(Image.fromarray(coarse).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)) * np.float32(1.3)


def draw_lines(lines: Iterable[Line], size_px: int, pixel_cm: float) -> Map:
    """Draw antialiased straight lines, later ones over earlier ones, on a square map centred on (0, 0)."""
    scale = 2 / pixel_cm
    canvas = Image.new("L", (2 * size_px, 2 * size_px))
    draw = ImageDraw.Draw(canvas)
    for x0, y0, x1, y1, width, brightness in lines:
        ends = (x0 * scale + size_px, y0 * scale + size_px, x1 * scale + size_px, y1 * scale + size_px)
        draw.line(ends, fill=round(255 * brightness), width=max(1, round(width * scale)))
    return np.asarray(canvas.reduce(2), dtype=np.float32) * np.float32(1 / 255)
