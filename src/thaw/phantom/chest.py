"""The healthy chest as a map of attenuation: soft tissue, air, bones, heart and vessels, before any finding.

A map is float32 (size, size); its values are line integrals of attenuation (0 in air outside the body, about 2 through
the abdomen), so that structures over each other add up as they do in a radiograph.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thaw.phantom.anatomy import LEFT, Anatomy
from thaw.phantom.bones import draw_bones
from thaw.phantom.fields import Map, ball, draw_lines, ramp
from thaw.phantom.vessels import grow_vessels

# Side of the square detector, as of NIH's commonest 2992 x 2991 images at 0.143 mm.
DETECTOR_CM = 42.8
# Attenuation that the deepest lung would take off if it were all air.
AIR_DEPTH = 1.9


@dataclass(frozen=True)
class Chest:
    """The drawn chest of one image and the geometry that findings need.

    ``x`` (1, size), ``y`` (size, 1): centimetres; ``wall``, ``left_border``, ``right_border`` (size, 1): distance of
    the inner chest wall and of the heart's and mediastinum's borders from the midline ``x = 0``; ``diaphragm``
    (1, size): y of its surface. ``lung``: share 0..1 of the ray's length in air; ``heart``: 1 inside its outline.
    """

    anatomy: Anatomy
    x: Map
    y: Map
    wall: Map
    left_border: Map
    right_border: Map
    diaphragm: Map
    lung: Map
    heart: Map
    tissue: Map
    markings: Map

    @property
    def size_px(self) -> int:
        """Side of the square maps."""
        return int(self.lung.shape[0])

    @property
    def pixel_cm(self) -> float:
        """Side of a pixel on the detector."""
        return DETECTOR_CM / self.size_px

    @property
    def air(self) -> Map:
        """What the lungs' air takes off the attenuation; a finding that fills the lung gives it back."""
        return self.lung * np.float32(AIR_DEPTH * self.anatomy.lung_air)

    def at(self, side: int, height: float, lateral: float) -> tuple[float, float]:
        """Return x, y in the lung of ``side``: ``height`` 0 apex .. 1 dome, ``lateral`` 0 mediastinum .. 1 wall."""
        y = self.anatomy.apex_y + height * self.anatomy.lung_height
        row = int(np.clip(np.searchsorted(self.y[:, 0], y), 0, self.size_px - 1))
        inner = float((self.left_border if side == LEFT else self.right_border)[row, 0])
        return side * (inner + lateral * (float(self.wall[row, 0]) - inner)), y


def build_chest(anatomy: Anatomy, size_px: int, generator: np.random.Generator) -> Chest:
    """Draw the healthy chest; ``generator`` (the patient's own) grows the vessels."""
    centre = (np.arange(size_px, dtype=np.float32) + np.float32(0.5)) * np.float32(DETECTOR_CM / size_px)
    x, y = (centre - np.float32(DETECTOR_CM / 2)).reshape(1, -1), (centre - np.float32(DETECTOR_CM / 2)).reshape(-1, 1)
    wall = _chest_wall(anatomy, y)
    left_border, right_border = _heart_borders(anatomy, y)
    diaphragm = _diaphragm(anatomy, x)
    distance = np.minimum(left_border - x, right_border + x)
    mediastinum = ramp(distance, 0.5)
    cavity = ramp(wall - np.abs(x), 0.5) * ramp(diaphragm - y, 0.6)
    lung = cavity * (1 - np.float32(0.88) * mediastinum) * _depth_of_air(x, wall)
    heart = mediastinum * ramp(y - (anatomy.dome_y - anatomy.heart_height), 0.5) * ramp(_heart_floor(anatomy) - y, 0.5)
    fullness = np.sqrt(np.clip(distance / np.float32(anatomy.heart_width / 2), 0, 1)) * np.float32(0.28)
    tissue = _body(anatomy, x, y) + draw_bones(anatomy, x, y, wall) + fullness * cavity
    tissue -= lung * np.float32(AIR_DEPTH * anatomy.lung_air)
    hilum = int(np.clip(np.searchsorted(y[:, 0], anatomy.hilum_y), 0, size_px - 1))
    vessels = grow_vessels(anatomy, float(left_border[hilum, 0]), float(right_border[hilum, 0]), generator)
    markings = draw_lines(vessels, size_px, DETECTOR_CM / size_px) * lung * np.float32(0.42 * anatomy.markings)
    return Chest(
        anatomy, x, y, wall, left_border, right_border, diaphragm, lung, heart, np.maximum(tissue, 0), markings
    )


def _smooth_step(values: Map) -> Map:
    clipped: Map = np.clip(values, 0, 1)
    return clipped * clipped * (3 - 2 * clipped)


def _chest_wall(anatomy: Anatomy, y: Map) -> Map:
    """Half the inner width of the rib cage: a round apex, widest near the base."""
    height = np.clip((y - anatomy.apex_y) / anatomy.lung_height, 0, 1)
    dome: Map = (1 - (1 - height) ** np.float32(2.2)) ** np.float32(anatomy.apex_roundness)
    return np.float32(anatomy.half_width) * dome


def _heart_floor(anatomy: Anatomy) -> float:
    return anatomy.dome_y + 1.5


def _heart_borders(anatomy: Anatomy, y: Map) -> tuple[Map, Map]:
    """Distance of the left and right borders of mediastinum and heart from the midline."""
    upper = np.float32(anatomy.mediastinum)
    left_width = anatomy.heart_width * anatomy.heart_left_share
    right_width = anatomy.heart_width - left_width
    top = anatomy.dome_y - anatomy.heart_height
    along = np.clip((y - top) / (_heart_floor(anatomy) - top), 0, 1.2)
    ventricle = np.sin(np.minimum(along / 0.8, 1) * (np.pi / 2)) ** np.float32(1.3)
    ventricle *= np.sqrt(np.clip(1 - (np.maximum(along - 0.8, 0) / 0.55) ** 2, 0, 1))
    atrium = np.sin(np.clip(along, 0, 1) * np.pi * 0.8) ** np.float32(0.8)
    knob = np.exp(-(((y - (anatomy.apex_y + 0.30 * anatomy.lung_height)) / 1.5) ** 2)) * np.float32(anatomy.aortic_knob)
    inlet = np.exp(-((np.minimum(y - anatomy.apex_y - 4, 0) / 3) ** 2)) * np.float32(0.7) + np.float32(0.3)
    shift = np.float32(anatomy.mediastinum_shift)
    left = upper * inlet + np.maximum(left_width - upper, 0) * ventricle + knob + shift
    right = upper * inlet * np.float32(0.9) + np.maximum(right_width - 0.9 * upper, 0) * atrium - shift
    return left.astype(np.float32), right.astype(np.float32)


def _diaphragm(anatomy: Anatomy, x: Map) -> Map:
    """Height of the two domes over x; the lateral side falls to the costophrenic angle."""
    rise = np.where(x < 0, anatomy.right_dome_rise, anatomy.left_dome_rise)
    off_centre = np.abs(x) / anatomy.half_width - 0.45
    fall = np.where(off_centre > 0, (off_centre / 0.55) ** 2, 0.5 * (off_centre / 0.45) ** 2) * anatomy.dome_lift
    surface: Map = (anatomy.dome_y - rise + fall).astype(np.float32)
    return surface


def _depth_of_air(x: Map, wall: Map) -> Map:
    across: Map = np.clip(np.abs(x) / np.maximum(wall, 0.5), 0, 1) ** 4
    depth: Map = np.sqrt(1 - across * np.float32(0.85))
    return depth


def _body(anatomy: Anatomy, x: Map, y: Map) -> Map:
    """Soft tissue of trunk, shoulders, neck, trachea and breasts."""
    reach = np.abs(x)
    height = (y - anatomy.apex_y) / anatomy.lung_height
    arms = 16 * _smooth_step((0.62 - height) / 0.5)
    outer = np.float32(anatomy.half_width + anatomy.wall) + arms
    shoulder = anatomy.apex_y + anatomy.shoulder_y - 6.5 + 0.45 * np.maximum(reach - 5.5, 0) - 30 * ramp(6 - reach, 1.5)
    profile = np.sqrt(np.clip(1 - (reach / outer) ** 2, 0, 1)) * ramp(y - shoulder, 0.8)
    thickness = (1.55 + 0.55 * _smooth_step(height - 0.5)) * np.float32(anatomy.tissue)
    trachea = ramp(1 - reach, 0.6) * ramp(anatomy.apex_y + 0.33 * anatomy.lung_height - y, 2.5) * np.float32(0.16)
    body: Map = profile * thickness - trachea - _stomach_gas(anatomy, x, y)
    if anatomy.breast > 0:
        centre, radius = (0.62 * anatomy.half_width, anatomy.dome_y - 1.0), 4.0 + 3.5 * anatomy.breast
        body += ball(reach, y, centre, (radius * 1.05, radius)) * np.float32(0.38 * anatomy.breast)
    return body


def _stomach_gas(anatomy: Anatomy, x: Map, y: Map) -> Map:
    gas = anatomy.stomach_gas
    bubble = (0.42 * anatomy.half_width, anatomy.dome_y + 1.8 + 0.5 * gas)
    return ball(x, y, bubble, (0.8 + gas, 0.5 + 0.6 * gas)) * np.float32(0.3 if gas > 0 else 0.0)
