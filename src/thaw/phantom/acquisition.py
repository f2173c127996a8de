"""From attenuation to an 8-bit picture: devices, position, scatter, quantum noise, exposure, markers, collimation."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from thaw.phantom.anatomy import LEFT, RIGHT
from thaw.phantom.chest import DETECTOR_CM, Chest
from thaw.phantom.cohort import View
from thaw.phantom.fields import Line, Map, draw_lines

# Letters as strokes through points (x, y); the letter is 1 high.
STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "L": [[(0, 0), (0, 1), (0.6, 1)]],
    "A": [[(0, 1), (0.3, 0), (0.6, 1)], [(0.15, 0.6), (0.45, 0.6)]],
    "P": [[(0, 1), (0, 0), (0.6, 0), (0.6, 0.5), (0, 0.5)]],
}

Box = tuple[float, float, float, float]  # x, y of the upper left corner, width, height in pixels


@dataclass(frozen=True)
class Position:
    """Where the patient lies on the detector: turned by ``angle`` radians, moved by ``shift_cm`` (x, y), magnified."""

    angle: float
    shift_cm: tuple[float, float]
    zoom: float

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Maps detector (y, x) to patient (y, x), both from the middle."""
        sine, cosine = np.sin(self.angle), np.cos(self.angle)
        return np.array([[cosine, -sine], [sine, cosine]]) / self.zoom


def sample_position(view: View, generator: np.random.Generator) -> Position:
    """Return how the patient is placed, less carefully under a portable tube."""
    lying = view == "AP"
    shift = generator.normal(0, 1.1 if lying else 0.6, 2)
    angle = np.deg2rad(generator.normal(0, 3.0 if lying else 1.2))
    return Position(float(angle), (float(shift[0]), float(shift[1]) - 0.5), float(generator.normal(1.0, 0.035)))


def place(attenuation: Map, position: Position, order: int = 1) -> Map:
    """Project the patient onto the detector (``order`` 1: interpolated linearly, 0: nearest, twice as fast)."""
    size = attenuation.shape[0]
    middle = np.array([(size - 1) / 2, (size - 1) / 2])
    shift = np.array([position.shift_cm[1], position.shift_cm[0]]) * (size / DETECTOR_CM)
    offset = middle - position.matrix @ (middle + shift)
    placed = ndimage.affine_transform(
        attenuation, position.matrix, offset, order=order, mode="nearest", prefilter=False
    )
    return np.asarray(placed, dtype=np.float32)


def place_box(region: Map, position: Position) -> Box | None:
    """Return the box around where ``region`` exceeds a quarter of its maximum, None where that is off the detector."""
    placed = place(region, position, order=0)
    marked = placed > 0.25 * float(placed.max())
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    if len(rows) == 0:
        return None
    top, left = int(rows[0]), int(columns[0])
    return float(left), float(top), float(columns[-1] + 1 - left), float(rows[-1] + 1 - top)


def draw_devices(chest: Chest, view: View, generator: np.random.Generator) -> Map:
    """Return what lines and wires add: a venous line and monitor leads on half of the AP images, few on PA."""
    lines: list[Line] = []
    if generator.random() < (0.5 if view == "AP" else 0.05):
        lines += _venous_line(chest, generator)
    if generator.random() < (0.5 if view == "AP" else 0.03):
        lines += _monitor_leads(chest, generator)
    if not lines:
        return np.zeros_like(chest.tissue)
    return draw_lines(lines, chest.size_px, chest.pixel_cm) * np.float32(0.35)


def _venous_line(chest: Chest, generator: np.random.Generator) -> list[Line]:
    side = RIGHT if generator.random() < 0.6 else LEFT
    lateral, upper = chest.at(side, 0.16, 1.1)
    tip_y = chest.anatomy.apex_y + generator.uniform(0.42, 0.58) * chest.anatomy.lung_height
    points = [(lateral, upper + 1.0), (lateral * 0.6, upper - 1.5), (side * 2.0, upper + 1.0)]
    points += [(-1.6, upper + 4), (-1.9, tip_y)]
    return [(*start, *end, 0.22, 0.8) for start, end in pairwise(points)]


def _monitor_leads(chest: Chest, generator: np.random.Generator) -> list[Line]:
    lines: list[Line] = []
    for side in (LEFT, RIGHT):
        x, y = chest.at(side, generator.uniform(0.2, 0.9), generator.uniform(0.4, 0.9))
        away, fall = side * generator.uniform(6, 16), generator.uniform(-9, 14)
        lines.append((x, y, x + away, y + fall, 0.15, 0.6))
        lines += [(x - 0.5, y + row, x + 0.5, y + row, 0.3, 1.0) for row in (-0.3, 0.0, 0.3)]
    return lines


def expose(attenuation: Map, view: View, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Turn attenuation into grey values, dense tissue white: scatter, quantum noise, blur, window and gamma."""
    lying = view == "AP"
    scatter = generator.uniform(0.05, 0.12) + (0.04 if lying else 0.0)
    dose = generator.lognormal(8.6, 0.6)  # quanta per pixel in air
    gamma, low, high = generator.normal(0.95, 0.13), generator.normal(0.10, 0.05), generator.normal(2.35, 0.12)
    sharpness = generator.uniform(0.35, 0.75) * attenuation.shape[0] / 256
    tilt = generator.normal(0, 0.05, 2)
    transmitted = np.exp(-attenuation)
    transmitted = ndimage.gaussian_filter(transmitted, sharpness, truncate=2.5)
    transmitted = transmitted * np.float32(1 - scatter) + _scattered(transmitted) * np.float32(scatter)
    grain = generator.standard_normal(transmitted.shape, dtype=np.float32)
    measured = transmitted + np.sqrt(transmitted) * grain * np.float32(1 / np.sqrt(dose))
    density = -np.log(np.maximum(measured, np.float32(0.02)))
    slope = np.linspace(-1, 1, attenuation.shape[0], dtype=np.float32)
    density += np.float32(tilt[0]) * slope[:, None] + np.float32(tilt[1]) * slope[None, :]
    grey = np.clip((density - np.float32(low)) * np.float32(1 / (high - low)), 0, 1) ** np.float32(gamma)
    picture: NDArray[np.uint8] = (grey * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return picture


def _scattered(transmitted: Map) -> Map:
    """Radiation scattered over a third of the picture, as its very blurred copy."""
    size = transmitted.shape[0]
    small = Image.fromarray(transmitted).resize((16, 16), Image.Resampling.BOX)
    blurred = ndimage.gaussian_filter(np.asarray(small), 2.5)
    return np.asarray(Image.fromarray(blurred).resize((size, size), Image.Resampling.BICUBIC))


def mark(picture: NDArray[np.uint8], view: View, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Add the side marker, "AP" on portable images, and black or white borders of the collimator."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    unit = picture.shape[0] / 256
    brightness = int(generator.integers(200, 256))
    _write(draw, "L", (generator.uniform(222, 240) * unit, generator.uniform(6, 40) * unit), 10 * unit, brightness)
    if view == "AP" and generator.random() < 0.6:
        _write(draw, "AP", (generator.uniform(180, 205) * unit, 5 * unit), 7 * unit, brightness)
    if generator.random() < 0.25:
        _collimate(draw, picture.shape[0], generator)
    return np.array(image)


def _write(draw: ImageDraw.ImageDraw, text: str, corner: tuple[float, float], height: float, brightness: int) -> None:
    """Write in strokes: a font would come from the machine, and with it other pixels."""
    for number, letter in enumerate(text):
        for stroke in STROKES[letter]:
            points = [(corner[0] + height * (x + 0.9 * number), corner[1] + height * y) for x, y in stroke]
            draw.line(points, fill=brightness, width=max(1, round(height / 6)))


def _collimate(draw: ImageDraw.ImageDraw, size: int, generator: np.random.Generator) -> None:
    widths = generator.uniform(0, 0.05, 4) * size * (generator.random(4) < 0.5)
    fill = 0 if generator.random() < 0.8 else 250
    left, top, right, bottom = (int(width) for width in widths)
    upper_left = [(0, 0, left, size), (0, 0, size, top)]
    for corners in [*upper_left, (size - right, 0, size, size), (0, size - bottom, size, size)]:
        if corners[2] > corners[0] and corners[3] > corners[1]:
            draw.rectangle(corners, fill=fill)
