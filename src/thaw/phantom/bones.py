"""The skeleton of a frontal chest: spine, ribs, clavicles, shoulder blades."""

from __future__ import annotations

import numpy as np

from thaw.phantom.anatomy import Anatomy
from thaw.phantom.fields import Map, ellipse, ramp


def draw_bones(anatomy: Anatomy, x: Map, y: Map, wall: Map) -> Map:
    """Return what spine, ribs, clavicles, scapulae and humeral heads add to the attenuation."""
    reach = np.abs(x - np.sin(y / 9) * np.float32(anatomy.spine_bend))
    vertebrae = np.cos((y - anatomy.apex_y) * np.float32(2 * np.pi / 2.4)) * np.float32(0.04) + np.float32(0.18)
    bones: Map = (
        ramp(2.0 - reach, 1.2) * vertebrae + _ribs(anatomy, reach, y, wall) + _shoulder_girdle(anatomy, reach, y)
    )
    return bones * np.float32(anatomy.bone)


def _ribs(anatomy: Anatomy, reach: Map, y: Map, wall: Map) -> Map:
    """Posterior ribs fall towards the side, anterior ones (fainter, lateral) towards the middle."""
    half_width = np.float32(anatomy.half_width)
    lateral: Map = reach / half_width
    cage = ramp(wall + np.float32(0.5) - reach, 0.6)
    fall_behind = np.float32(anatomy.rib_slope) * lateral + np.float32(0.22) * lateral**4
    fall_before = np.float32(0.62) * (1 - lateral) + np.float32(0.9) / half_width
    behind = _bands(y - anatomy.apex_y - half_width * fall_behind, anatomy.rib_spacing, 0.62, 11)
    before = _bands(y - anatomy.apex_y - half_width * fall_before, anatomy.rib_spacing * 1.12, 0.75, 7)
    behind = behind * np.float32(0.21) * ramp(reach - 1.5, 1.0)
    before = before * np.float32(0.13) * ramp(lateral - np.float32(0.45), 0.3)
    edge = ramp(np.float32(0.35) - np.abs(reach - wall - np.float32(0.3)), 0.4) * np.float32(0.12)
    through_abdomen: Map = 1 - np.float32(0.5) * ramp(y - anatomy.dome_y - 2, 3.0)
    return ((behind + before) * cage + edge) * through_abdomen


def _bands(position: Map, spacing: float, half_thickness: float, count: int) -> Map:
    """Return ``count`` bands across ``position`` with brighter (cortical) edges."""
    number: Map = np.rint(position * np.float32(1 / spacing))
    distance = np.abs(position - number * np.float32(spacing))
    band = ramp(np.float32(half_thickness) - distance, 0.25)
    cortex: Map = np.float32(0.6) + distance * np.float32(0.5 / half_thickness)
    return band * cortex * ((number >= 0) & (number < count))


def _shoulder_girdle(anatomy: Anatomy, reach: Map, y: Map) -> Map:
    clavicle_y: Map = (
        anatomy.apex_y + anatomy.clavicle_y - anatomy.clavicle_slope * (reach - 2) - 0.7 * np.sin(reach / 5)
    )
    distance = np.abs(y - clavicle_y)
    clavicle = ramp(0.65 - distance, 0.3) * (np.float32(0.16) + distance * np.float32(0.08))
    clavicle = clavicle * ramp(reach - 1.8, 0.5) * ramp(17 - reach, 1.0)
    low = anatomy.apex_y + 0.55 * anatomy.lung_height
    border: Map = np.float32(anatomy.half_width) * (np.float32(0.97) - np.float32(0.012) * (low - y))
    scapula = ramp(reach - border, 0.4) * ramp(low - y, 2.0) * ramp(y - (low - 12), 2.0) * ramp(border + 7 - reach, 1.5)
    head: Map = np.clip(ellipse(reach, y, (anatomy.half_width + 5.0, anatomy.apex_y + 5.5), (2.6, 2.9)) * 3, 0, 1)
    return clavicle + scapula * np.float32(0.10) + head * np.float32(0.16)
