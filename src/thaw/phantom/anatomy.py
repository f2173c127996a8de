"""A patient's build and how age, breathing and the view change it. Lengths in centimetres on the detector."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from thaw.phantom.cohort import Sex, View

LEFT, RIGHT = 1, -1  # the patient's left is on the image's right, where x is positive
# A normal heart never fills more than this share of the chest's inner width.
WIDEST_NORMAL_HEART = 0.49


@dataclass(frozen=True)
class Anatomy:
    """Geometry of one chest; x grows to the image's right (the patient's left), y downwards, (0, 0) is the middle."""

    apex_y: float
    lung_height: float
    half_width: float
    apex_roundness: float
    wall: float
    dome_lift: float
    right_dome_rise: float
    left_dome_rise: float
    heart_ratio: float
    heart_left_share: float
    heart_height: float
    mediastinum: float
    mediastinum_shift: float
    aortic_knob: float
    spine_bend: float
    rib_spacing: float
    rib_slope: float
    clavicle_slope: float
    clavicle_y: float
    shoulder_y: float
    breast: float
    stomach_gas: float
    tissue: float
    bone: float
    markings: float
    lung_air: float

    @property
    def dome_y(self) -> float:
        """Height of the diaphragm's dome, both sides' mean."""
        return self.apex_y + self.lung_height

    @property
    def hilum_y(self) -> float:
        """Height at which the vessels enter the lungs."""
        return self.apex_y + 0.45 * self.lung_height

    @property
    def heart_width(self) -> float:
        """The heart's widest transverse extent: cardiothoracic ratio times the chest's inner width."""
        return self.heart_ratio * 2 * self.half_width


def sample_anatomy(sex: Sex, generator: np.random.Generator) -> Anatomy:
    """Return the adult build of a patient, the same for all follow-ups."""
    male = sex == "M"
    normal, uniform = generator.normal, generator.uniform
    lung_height = normal(24.5 if male else 22.5, 1.3)
    return Anatomy(
        apex_y=normal(-16.0, 0.6),
        lung_height=lung_height,
        half_width=normal(14.3 if male else 13.0, 0.8),
        apex_roundness=uniform(0.36, 0.46),
        wall=abs(normal(2.0, 1.2)) + 1.2,
        dome_lift=uniform(2.6, 4.6),
        right_dome_rise=normal(0.8, 0.5),
        left_dome_rise=0.0,
        heart_ratio=float(np.clip(normal(0.425, 0.03), 0.35, 0.48)),
        heart_left_share=uniform(0.62, 0.74),
        heart_height=uniform(9.0, 11.5),
        mediastinum=uniform(2.1, 2.9),
        mediastinum_shift=normal(0.0, 0.25),
        aortic_knob=uniform(0.4, 1.2),
        spine_bend=normal(0.0, 0.35),
        rib_spacing=lung_height / uniform(9.0, 10.2),
        rib_slope=uniform(0.15, 0.34),
        clavicle_slope=uniform(0.02, 0.2),
        clavicle_y=uniform(1.6, 4.0),
        shoulder_y=normal(0.0, 1.0),
        breast=0.0 if male else uniform(0.2, 1.0),
        stomach_gas=max(0.0, uniform(-1.5, 3.0)),
        tissue=uniform(0.85, 1.2),
        bone=uniform(0.8, 1.2),
        markings=uniform(0.6, 1.4),
        lung_air=uniform(0.60, 0.68),
    )


def at_age(anatomy: Anatomy, age: int) -> Anatomy:
    """Return the build at ``age`` years: children are smaller, old aortas wider, old bones thinner."""
    grown = min(1.0, 0.72 + 0.28 * age / 18)
    old = max(0.0, (age - 40) / 50)
    return replace(
        anatomy,
        apex_y=anatomy.apex_y * grown,
        lung_height=anatomy.lung_height * grown,
        half_width=anatomy.half_width * grown,
        rib_spacing=anatomy.rib_spacing * grown,
        heart_height=anatomy.heart_height * grown,
        mediastinum=anatomy.mediastinum * grown,
        heart_ratio=min(anatomy.heart_ratio + 0.02 * old + 0.1 * (1 - grown), WIDEST_NORMAL_HEART),
        aortic_knob=anatomy.aortic_knob * (grown + 0.8 * old),
        breast=anatomy.breast if age >= 14 else 0.0,
        bone=anatomy.bone * (1 - 0.25 * old),
        markings=anatomy.markings * (1 + 0.2 * old),
    )


def in_view(anatomy: Anatomy, view: View, generator: np.random.Generator) -> Anatomy:
    """Return the chest as exposed: how deep the breath was, and lying under a portable tube (AP) or standing (PA)."""
    lying = view == "AP"
    breath = generator.normal(0.88 if lying else 1.0, 0.06 if lying else 0.04)
    return replace(
        anatomy,
        lung_height=anatomy.lung_height * breath,
        rib_spacing=anatomy.rib_spacing * (0.5 + 0.5 * breath),
        heart_ratio=min(anatomy.heart_ratio * (1.1 if lying else 1.0), WIDEST_NORMAL_HEART),
        mediastinum=anatomy.mediastinum * (1.15 if lying else 1.0),
        clavicle_y=anatomy.clavicle_y - (1.5 if lying else 0.0),
        shoulder_y=anatomy.shoulder_y - (2.0 if lying else 0.0),
        breast=anatomy.breast * (0.5 if lying else 1.0),
        tissue=anatomy.tissue * generator.normal(1.0, 0.04),
        lung_air=anatomy.lung_air - (0.04 if lying else 0.0) + generator.normal(0, 0.01),
    )
