"""What a phantom's picture shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thaw.phantom.cohort import Sex, Study, View
from thaw.phantom.draw import anatomy_of, draw_chest, draw_study
from thaw.phantom.findings import FINDINGS

SIZE = 128
people = st.builds(
    Study,
    patient=st.integers(1, 10_000),
    follow_up=st.integers(0, 3),
    age=st.integers(0, 95),
    sex=st.sampled_from(["F", "M"]),
    view=st.sampled_from(["PA", "AP"]),
    drawn=st.just(()),
    labels=st.just(()),
)


def healthy(patient: int = 1, sex: Sex = "M", view: View = "PA", age: int = 50) -> Study:
    return Study(patient, 0, age, sex, view, (), ())


@pytest.mark.parametrize("finding", FINDINGS)
@given(study=people, seed=st.integers(0, 100))
@settings(max_examples=8, deadline=None)
def test_a_finding_changes_the_pixels_inside_its_boxes(finding: str, study: Study, seed: int) -> None:
    without = draw_study(study, SIZE, seed)
    shown = draw_study(replace(study, drawn=(finding,)), SIZE, seed)
    assert without.boxes == ()
    assert {name for name, _ in shown.boxes} == {finding}
    for _, (x, y, width, height) in shown.boxes:
        assert min(x, y) >= 0 < min(width, height)
        assert max(x + width, y + height) <= SIZE
        inside = (slice(int(y), int(y + height)), slice(int(x), int(x + width)))
        change = np.abs(shown.pixels[inside].astype(int) - without.pixels[inside])
        assert change.max() >= 5


@pytest.mark.parametrize("finding", sorted(set(FINDINGS) - {"Cardiomegaly", "Emphysema", "Atelectasis"}))
def test_a_local_finding_changes_the_picture_more_inside_its_boxes_than_outside(finding: str) -> None:
    without, shown = (draw_study(replace(healthy(), drawn=drawn), SIZE, 0) for drawn in ((), (finding,)))
    change = np.abs(shown.pixels.astype(int) - without.pixels)
    inside = np.zeros_like(change, dtype=bool)
    for _, (x, y, width, height) in shown.boxes:
        inside[int(y) : int(y + height), int(x) : int(x + width)] = True
    assert change[inside].mean() > 5 * change[~inside].mean()


def heart_and_chest_width(study: Study) -> tuple[float, float]:
    """Measure both, in pixels, in the rows between the domes and the heart's top."""
    chest = draw_chest(study, 256, seed=0)
    heart = (chest.heart > 0.5).any(axis=0)
    cavity = np.abs(chest.x) < chest.wall.max()
    return float(heart.sum()), float(cavity.sum())


@given(study=people)
@settings(max_examples=30, deadline=None)
def test_cardiomegaly_makes_the_heart_wider_than_half_the_chest(study: Study) -> None:
    heart, chest = heart_and_chest_width(study)
    wide_heart, same_chest = heart_and_chest_width(replace(study, drawn=("Cardiomegaly",)))
    # the mediastinum counts as heart where it is wider, and a pixel is 0.17 cm
    assert heart / chest < 0.53
    assert wide_heart / same_chest > 0.5
    assert wide_heart > heart


def test_emphysema_lengthens_the_lungs_and_flattens_the_diaphragm() -> None:
    normal, inflated = (draw_chest(replace(healthy(), drawn=drawn), SIZE, 0) for drawn in ((), ("Emphysema",)))
    assert inflated.diaphragm.mean() > normal.diaphragm.mean()
    assert np.ptp(inflated.diaphragm) < np.ptp(normal.diaphragm)


@pytest.mark.parametrize(("finding", "smallest_cm", "largest_cm"), [("Nodule", 0.8, 3.0), ("Mass", 3.0, 9.0)])
def test_a_nodule_is_smaller_than_3_cm_and_a_mass_larger(finding: str, smallest_cm: float, largest_cm: float) -> None:
    pixel_cm = 42.8 / 256
    for patient in range(1, 30):
        for _, (_, _, width, height) in draw_study(replace(healthy(patient), drawn=(finding,)), 256, 0).boxes:
            assert smallest_cm <= max(width, height) * pixel_cm <= largest_cm * 1.1


def test_pneumothorax_leaves_no_vessels_beyond_its_line_and_effusion_whitens_the_base() -> None:
    plain, collapsed, fluid = (
        draw_study(replace(healthy(), drawn=drawn), SIZE, 0) for drawn in ((), ("Pneumothorax",), ("Effusion",))
    )
    (_, (x, y, width, height)) = fluid.boxes[0]
    box = (slice(int(y), int(y + height)), slice(int(x), int(x + width)))
    assert fluid.pixels[box].mean() > plain.pixels[box].mean() + 5
    (_, (x, y, width, height)) = collapsed.boxes[0]
    box = (slice(int(y), int(y + height)), slice(int(x), int(x + width)))
    assert collapsed.pixels[box].mean() < plain.pixels[box].mean()


def test_children_are_smaller_and_women_have_breasts() -> None:
    assert anatomy_of(healthy(age=5), 0).lung_height < anatomy_of(healthy(age=30), 0).lung_height
    assert anatomy_of(healthy(sex="F"), 0).breast > anatomy_of(healthy(sex="M"), 0).breast == 0


def test_follow_ups_of_a_healthy_patient_look_alike_but_are_not_the_same_picture() -> None:
    def correlation(one: Study, other: Study) -> float:
        first, second = (draw_study(study, SIZE, 0).pixels.ravel() for study in (one, other))
        return float(np.corrcoef(first, second)[0, 1])

    again = [correlation(healthy(patient), replace(healthy(patient), follow_up=1)) for patient in range(1, 16)]
    others = [correlation(healthy(patient), healthy(patient + 100)) for patient in range(1, 16)]
    assert np.mean(again) > np.mean(others)
    assert max(again) < 1
