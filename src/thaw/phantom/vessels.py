"""The lungs' vessels: trees of straight joints that grow from the hila."""

from __future__ import annotations

import numpy as np

from thaw.phantom.anatomy import LEFT, RIGHT, Anatomy
from thaw.phantom.fields import Line


def grow_vessels(
    anatomy: Anatomy, left_border: float, right_border: float, generator: np.random.Generator
) -> list[Line]:
    """Return vessels that leave both hila, branch and taper; thin ones first, so that thick ones lie over them.

    ``left_border``, ``right_border``: centimetres from the midline to the mediastinum's borders at the hila.
    """
    lines: list[Line] = []
    for side, border in ((LEFT, left_border), (RIGHT, right_border)):
        hilum_x = side * (border + 0.2)
        reach = (0.98 * anatomy.half_width - abs(hilum_x), 0.60 * anatomy.lung_height)
        for angle, width in zip(np.linspace(-1.3, 1.4, 15), generator.uniform(0.2, 0.6, 15), strict=True):
            start = (hilum_x + side * generator.uniform(-0.6, 0.8), anatomy.hilum_y + 2.2 * np.sin(angle))
            lines += _grow_branch(start, side, angle + generator.normal(0, 0.2), 1.0, width, reach, generator)
    return sorted(lines, key=lambda line: line[4])


def _grow_branch(
    start: tuple[float, float],
    side: int,
    angle: float,
    length: float,
    width: float,
    reach: tuple[float, float],
    generator: np.random.Generator,
) -> list[Line]:
    """Return a vessel of four joints; at two of them a thinner vessel leaves."""
    lines: list[Line] = []
    x, y = start
    bends, forks = generator.normal(0, 0.22, 4), generator.uniform(0.35, 0.6, 4)
    for joint in range(4):
        angle += float(bends[joint])
        step = length / 4
        end = (x + side * np.cos(angle) * step * reach[0], y + np.sin(angle) * step * reach[1])
        brightness = min(1.0, 0.2 + 1.3 * width)
        lines.append((x, y, float(end[0]), float(end[1]), width, brightness))
        x, y, width = float(end[0]), float(end[1]), width * 0.72
        if joint in (0, 1) and width > 0.12:
            fork = float(forks[joint]) * (1 if forks[3] > 0.47 else -1) * (1 if joint else -1)
            lines += _grow_branch((x, y), side, angle + fork, 0.6 * length, width * 0.7, reach, generator)
    return lines
