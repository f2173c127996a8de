"""Draw one study: the patient's anatomy, its findings, the exposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thaw.phantom.acquisition import Box, draw_devices, expose, mark, place, place_box, sample_position
from thaw.phantom.anatomy import Anatomy, at_age, in_view, sample_anatomy
from thaw.phantom.chest import Chest, build_chest
from thaw.phantom.cohort import Study
from thaw.phantom.findings import FINDINGS
from thaw.phantom.lesions import Lesion
from thaw.phantom.streams import Stream, stream


@dataclass(frozen=True)
class Picture:
    """``pixels``: uint8 (size, size), dense tissue white; ``boxes``: finding and box in pixels, one per lesion."""

    pixels: NDArray[np.uint8]
    boxes: tuple[tuple[str, Box], ...]


def draw_study(study: Study, size_px: int, seed: int) -> Picture:
    """Draw a study. The same arguments give the same pixels; a finding more or less changes nothing but its own."""
    chest = draw_chest(study, size_px, seed)
    acquisition = stream(seed, study.patient, Stream.ACQUISITION, study.follow_up)
    position = sample_position(study.view, acquisition)
    attenuation = chest.tissue + chest.markings + draw_devices(chest, study.view, acquisition)
    boxes: list[tuple[str, Box]] = []
    for finding in study.drawn:
        for patch in FINDINGS[finding].paint(chest, lesion_of(study, finding, seed)):
            attenuation += patch.change
            box = place_box(patch.region, position)
            if box is not None:
                boxes.append((finding, box))
    grey = expose(place(attenuation, position), study.view, acquisition)
    return Picture(mark(grey, study.view, acquisition), tuple(boxes))


def draw_chest(study: Study, size_px: int, seed: int) -> Chest:
    """Return the study's chest, shaped by its findings but without their opacities."""
    return build_chest(anatomy_of(study, seed), size_px, stream(seed, study.patient, Stream.MARKINGS))


def anatomy_of(study: Study, seed: int) -> Anatomy:
    """Return the patient's one build at this age, in this view, reshaped by the findings."""
    build = sample_anatomy(study.sex, stream(seed, study.patient, Stream.ANATOMY))
    breath = stream(seed, study.patient, Stream.POSITION, study.follow_up)
    anatomy = in_view(at_age(build, study.age), study.view, breath)
    for finding in study.drawn:
        anatomy = FINDINGS[finding].reshape(anatomy, lesion_of(study, finding, seed))
    return anatomy


def lesion_of(study: Study, finding: str, seed: int) -> Lesion:
    """Return the patient's lesion, at the same place in every follow-up, somewhat more or less severe each time."""
    number = list(FINDINGS).index(finding)
    usual = stream(seed, study.patient, Stream.SEVERITY, number).uniform(0.0, 1.0)
    now = usual + stream(seed, study.patient, Stream.SEVERITY, number, study.follow_up).normal(0, 0.15)
    return Lesion(float(np.clip(now, 0, 1)), stream(seed, study.patient, Stream.LESION, number))
