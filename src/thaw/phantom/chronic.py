"""Findings that fill no airspace: those of the whole lung, the pleura, the heart and the diaphragm's gap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from thaw.phantom.anatomy import Anatomy
from thaw.phantom.chest import Chest
from thaw.phantom.fields import Map, ball, ellipse, ramp, smooth_noise
from thaw.phantom.lesions import Lesion, Patch, patch


def _half(chest: Chest, side: int) -> Map:
    """Return 1 in the picture's half of ``side``."""
    return ramp(chest.x * np.float32(side), 0.3)


def hyperinflate(anatomy: Anatomy, lesion: Lesion) -> Anatomy:
    """Emphysema's shape: long lungs over a low, flat diaphragm, a narrow heart, ribs further apart."""
    return replace(
        anatomy,
        lung_height=anatomy.lung_height + lesion.between(0.4, 2.0),
        dome_lift=anatomy.dome_lift * lesion.between(0.8, 0.35),
        heart_ratio=anatomy.heart_ratio * lesion.between(0.96, 0.85),
        rib_spacing=anatomy.rib_spacing * lesion.between(1.02, 1.1),
    )


def emphysema(chest: Chest, lesion: Lesion) -> list[Patch]:
    """Dark lungs with few, thin vessels and round bullae in the upper zones (shape: ``hyperinflate``)."""
    generator = lesion.generator
    change = -chest.lung * np.float32(lesion.between(0.02, 0.06)) - chest.markings * np.float32(
        lesion.between(0.3, 0.6)
    )
    for _ in range(5):
        centre = chest.at(lesion.side(), generator.uniform(0.12, 0.5), generator.uniform(0.3, 0.9))
        radius = lesion.between(0.9, 1.8)
        bulla = np.maximum(ellipse(chest.x, chest.y, centre, (radius, radius)), 0)
        change = change - np.minimum(bulla * 3, 1) * chest.lung * np.float32(lesion.between(0.05, 0.09))
    return [Patch(change, (chest.lung > 0.3).astype(np.float32))]


def fibrosis(chest: Chest, lesion: Lesion) -> list[Patch]:
    """A fine net of lines in the bases and along the wall of both lungs."""
    shape = (chest.size_px, chest.size_px)
    noise = smooth_noise(shape, max(1.0, 0.55 / chest.pixel_cm), lesion.generator)
    net = np.exp(-((noise * np.float32(3.5)) ** 2))
    height = (chest.y - chest.anatomy.apex_y) / chest.anatomy.lung_height
    basal = np.clip((height - lesion.between(0.6, 0.4)) * 2.2, 0, 1)
    lateral = np.clip(np.abs(chest.x) / np.maximum(chest.wall, 1), 0, 1)
    area = basal * (np.float32(0.35) + np.float32(0.65) * lateral)
    return [Patch(net * area * chest.air * np.float32(lesion.between(0.16, 0.3)), area * chest.lung)]


def effusion(chest: Chest, lesion: Lesion) -> list[Patch]:
    """Fluid in the costophrenic angle: its surface, the meniscus, climbs along the lateral wall."""
    side = lesion.side()
    lowest = chest.anatomy.dome_y + chest.anatomy.dome_lift
    depth = lesion.between(2.4, 8.5)
    lateral = np.clip(chest.x * np.float32(side) / np.float32(chest.anatomy.half_width), 0, 1)
    surface = np.float32(lowest - depth + 2.5) - (lateral**3) * np.float32(4.0)
    fluid = ramp(chest.y - surface, 0.8) * _half(chest, side)
    return [patch(fluid * (chest.air + chest.markings * np.float32(0.3)) * np.float32(0.65))]


def pneumothorax(chest: Chest, lesion: Lesion) -> list[Patch]:
    """The visceral pleura as a thin white line inside the wall; beyond it black air and no vessels."""
    side = lesion.side()
    height = np.clip((chest.y - chest.anatomy.apex_y) / chest.anatomy.lung_height, 0, 1)
    gap = np.float32(lesion.between(1.3, 4.2)) * (1 - np.float32(0.75) * height) * ramp(1 - height, 0.3)
    apex = chest.anatomy.apex_y + lesion.between(1.6, 4.5)
    inside = np.minimum(chest.wall - chest.x * np.float32(side) - gap, chest.y - np.float32(apex))
    beyond = ramp(-inside, 0.2) * ramp(np.float32(0.97) - height, 0.1) * _half(chest, side)
    line = ramp(np.float32(0.11) - np.abs(inside), 0.16) * ramp(gap - np.float32(0.3), 0.3) * _half(chest, side)
    change = line * chest.lung * np.float32(0.2) - beyond * (chest.markings + chest.lung * np.float32(0.10))
    return [Patch(change, beyond * (chest.lung > 0.2))]


def pleural_thickening(chest: Chest, lesion: Lesion) -> list[Patch]:
    """A wavy band of soft tissue along the apex and the lateral wall of one side."""
    side, generator = lesion.side(), lesion.generator
    wave = np.sin(chest.y * np.float32(generator.uniform(0.9, 1.6)) + np.float32(generator.uniform(0, 6)))
    thickness = np.float32(lesion.between(0.7, 1.5)) * (1 + np.float32(0.3) * wave)
    height = (chest.y - chest.anatomy.apex_y) / chest.anatomy.lung_height
    lowest = generator.uniform(0.45, 0.95)
    band = ramp(chest.x * np.float32(side) - chest.wall + thickness, 0.3) * ramp(np.float32(lowest) - height, 0.06)
    cap = ramp(np.float32(chest.anatomy.apex_y + lesion.between(1.2, 2.6)) - chest.y, 0.4)
    return [patch(np.maximum(band, cap) * _half(chest, side) * chest.air * np.float32(lesion.between(0.42, 0.55)))]


def enlarge_heart(anatomy: Anatomy, lesion: Lesion) -> Anatomy:
    """Cardiomegaly's definition: a heart wider than half the chest's inner width."""
    return replace(anatomy, heart_ratio=lesion.between(0.54, 0.66), heart_height=anatomy.heart_height * 1.06)


def cardiomegaly(chest: Chest, _lesion: Lesion) -> list[Patch]:
    """Nothing to add to the wide heart (``enlarge_heart``) but its box."""
    return [Patch(np.zeros_like(chest.heart), chest.heart)]


def hernia(chest: Chest, lesion: Lesion) -> list[Patch]:
    """A stomach's part behind the heart: a round shadow with a wall, air above a level fluid."""
    generator = lesion.generator
    radius = lesion.between(2.2, 3.8)
    centre = (generator.uniform(-0.5, 2.5), chest.anatomy.dome_y - 0.6 * radius)
    inside = ellipse(chest.x, chest.y, centre, (radius, radius))
    pouch = ball(chest.x, chest.y, centre, (radius, radius)) * np.float32(0.35)
    air = np.clip(inside * 3 - np.float32(0.5), 0, 1) * ramp(np.float32(centre[1]) - chest.y, 0.3) * np.float32(0.6)
    return [patch(pouch - air)]
