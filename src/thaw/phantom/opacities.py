"""Findings that fill the lung: infiltration, consolidation, pneumonia, edema, nodule, mass, atelectasis.

A filled lung no longer takes its air off the attenuation: an opacity adds a share of ``chest.air``. Shares are the
contrasts that were tuned so that the phantom is neither trivial nor hopeless for a small network.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from thaw.phantom.anatomy import LEFT, RIGHT, Anatomy
from thaw.phantom.chest import Chest
from thaw.phantom.fields import Line, Map, ball, draw_lines, ellipse, ramp, smooth_noise
from thaw.phantom.lesions import Lesion, Patch, patch


def _noise(chest: Chest, cell_cm: float, lesion: Lesion) -> Map:
    shape = (chest.size_px, chest.size_px)
    return smooth_noise(shape, max(1.0, cell_cm / chest.pixel_cm), lesion.generator)


def _cloud(chest: Chest, centre: tuple[float, float], radii: tuple[float, float]) -> Map:
    """Return a round area that fades out from its middle."""
    return np.maximum(ellipse(chest.x, chest.y, centre, radii), 0)


def infiltration(chest: Chest, lesion: Lesion) -> list[Patch]:
    """Faint, ill-defined streaks and spots in a lower or middle zone, vessels still visible through them."""
    side, generator = lesion.side(), lesion.generator
    centre = chest.at(side, generator.uniform(0.5, 0.9), generator.uniform(0.3, 0.6))
    area = np.sqrt(_cloud(chest, centre, (lesion.between(4, 6), lesion.between(5, 7.5))))
    spots = np.maximum(_noise(chest, 0.55, lesion), 0)
    return [patch(area * spots * chest.air * np.float32(lesion.between(0.09, 0.18)))]


def consolidation(chest: Chest, lesion: Lesion) -> list[Patch]:
    """A lobe's part without air: dense, even, cut off sharply by a fissure, with dark branching air bronchograms."""
    side, generator = lesion.side(), lesion.generator
    centre = chest.at(side, generator.uniform(0.3, 0.9), generator.uniform(0.3, 0.7))
    radius = lesion.between(3.0, 5.5)
    area = np.minimum(_cloud(chest, centre, (radius, radius * 1.1)) * 2.5, 1)
    fissure_y = centre[1] + (chest.x - np.float32(centre[0])) * np.float32(generator.normal(0, 0.2))
    above = 1 if generator.random() < 0.5 else -1
    area = area * ramp((chest.y - fissure_y) * above + np.float32(0.2 * radius), 0.4)
    bronchi = [_bronchus(centre, radius, angle) for angle in generator.uniform(0, 2 * np.pi, 5)]
    airways = draw_lines(bronchi, chest.size_px, chest.pixel_cm)
    return [patch(area * (1 - airways * np.float32(0.5)) * chest.air * np.float32(lesion.between(0.35, 0.6)))]


def _bronchus(centre: tuple[float, float], length: float, angle: float) -> Line:
    x, y = centre
    return (x, y, x + length * float(np.cos(angle)), y + length * float(np.sin(angle)), 0.3, 1.0)


def pneumonia(chest: Chest, lesion: Lesion) -> list[Patch]:
    """Patchy, confluent clouds around one focus: denser than infiltration, without consolidation's sharp border."""
    side, generator = lesion.side(), lesion.generator
    centre = chest.at(side, generator.uniform(0.45, 0.95), generator.uniform(0.3, 0.7))
    area = np.minimum(_cloud(chest, centre, (lesion.between(3.5, 6), lesion.between(3.5, 6))) * 1.6, 1)
    patches = np.clip(_noise(chest, 1.6, lesion) * np.float32(0.6) + np.float32(0.6), 0, 1)
    return [patch(area * patches * chest.air * np.float32(lesion.between(0.28, 0.5)))]


def edema(chest: Chest, lesion: Lesion) -> list[Patch]:
    """Perihilar bat wings on both sides, hazy vessels, and Kerley B lines: short, horizontal, at the lateral base."""
    lines: list[Line] = []
    wings = np.zeros_like(chest.lung)
    for side in (LEFT, RIGHT):
        centre = chest.at(side, 0.55, 0.25)
        wings = wings + _cloud(chest, centre, (lesion.between(4.5, 7), lesion.between(6, 9)))
        for height in np.arange(0.72, 1.02, 0.035):
            x, y = chest.at(side, float(height), 0.99)
            lines.append((x, y, x - side * 1.6, y - 0.1, 0.1, 1.0))
    haze = wings * (np.float32(1) + np.float32(0.35) * _noise(chest, 0.8, lesion))
    kerley = draw_lines(lines, chest.size_px, chest.pixel_cm)
    filled = haze * np.float32(lesion.between(0.10, 0.22)) + kerley * np.float32(lesion.between(0.10, 0.2))
    return [Patch(filled * chest.air, wings * chest.lung)]


def nodule(chest: Chest, lesion: Lesion) -> list[Patch]:
    """One to three round opacities of 1 to 2.6 cm, sharply outlined."""
    generator = lesion.generator
    patches = []
    for _ in range(1 + int(generator.random() < 0.3) + int(generator.random() < 0.15)):
        centre = chest.at(lesion.side(), generator.uniform(0.15, 0.9), generator.uniform(0.2, 0.85))
        radius = lesion.between(0.7, 1.4) * generator.uniform(0.9, 1.0)
        sphere = np.sqrt(ball(chest.x, chest.y, centre, (radius, radius * generator.uniform(0.85, 1.0))))
        patches.append(patch(sphere * chest.air * np.float32(lesion.between(0.5, 0.6))))
    return patches


def mass(chest: Chest, lesion: Lesion) -> list[Patch]:
    """One lobulated opacity larger than 3 cm."""
    generator = lesion.generator
    x, y = chest.at(lesion.side(), generator.uniform(0.15, 0.9), generator.uniform(0.2, 0.7))
    radius = lesion.between(1.9, 3.6)
    body = np.zeros_like(chest.lung)
    for angle in generator.uniform(0, 2 * np.pi, 3):
        lobe = (x + 0.35 * radius * float(np.cos(angle)), y + 0.35 * radius * float(np.sin(angle)))
        body = np.maximum(body, ball(chest.x, chest.y, lobe, (radius * 0.85, radius * 0.8)))
    return [patch(body * chest.air * np.float32(lesion.between(0.5, 0.7)))]


def atelectasis(chest: Chest, lesion: Lesion) -> list[Patch]:
    """Plate-like, nearly horizontal bands above a raised diaphragm (see ``lose_volume``)."""
    side, generator = atelectatic_side(lesion), lesion.generator
    lines: list[Line] = []
    for number in range(1 + int(generator.integers(1, 3))):
        x, y = chest.at(side, 0.93 - 0.11 * number + generator.normal(0, 0.02), generator.uniform(0.35, 0.6))
        half_length, tilt = lesion.between(2.0, 4.0), generator.normal(0, 0.2)
        lines.append((x - half_length, y - tilt * half_length, x + half_length, y + tilt * half_length, 0.8, 1.0))
    plates = draw_lines(lines, chest.size_px, chest.pixel_cm)
    return [patch(plates * chest.air * np.float32(lesion.between(0.3, 0.45)))]


def atelectatic_side(lesion: Lesion) -> int:
    """Return the side of the lesion: the first number that its generator gives, whoever asks first."""
    return lesion.side()


def lose_volume(anatomy: Anatomy, lesion: Lesion) -> Anatomy:
    """Raise the diaphragm of the side with atelectasis and draw the mediastinum towards it."""
    side, rise = atelectatic_side(lesion), lesion.between(0.5, 1.5)
    return replace(
        anatomy,
        left_dome_rise=anatomy.left_dome_rise + (rise if side == LEFT else 0.0),
        right_dome_rise=anatomy.right_dome_rise + (rise if side == RIGHT else 0.0),
        mediastinum_shift=anatomy.mediastinum_shift + side * 0.3 * rise,
    )
