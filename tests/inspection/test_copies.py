"""Copies are found among the images that were read, and flagged where they disagree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from thaw.inspection.copies import find_copies
from thaw.inspection.material import Material
from thaw.inspection.samples import choose_samples

from .conftest import unlike_pictures


def test_pictures_that_differ_are_no_copies(make_material: Callable[..., Material]) -> None:
    assert find_copies(make_material()).groups == ()


def test_copies_that_disagree_are_flagged_and_come_first(make_material: Callable[..., Material]) -> None:
    pixels = unlike_pictures(160)
    pixels[1] = pixels[0]  # of one patient, with the same labels
    pixels[14] = np.clip(pixels[9] * 0.9 + 5, 0, 255)  # nearly the same, of a test patient and a training patient
    labels = np.zeros((160, 2))
    labels[14, 1] = 1
    crossing, harmless = find_copies(make_material(labels, pixels)).groups
    assert (crossing.members, crossing.identical, crossing.splits) == ((9, 14), False, ("test", "train"))
    assert (crossing.crosses, crossing.labels_differ, crossing.patients) == (True, True, 2)
    assert (harmless.members, harmless.identical, harmless.flagged) == ((0, 1), True, False)


def test_too_many_pictures_are_compared_for_identity_alone(make_material: Callable[..., Material]) -> None:
    pixels = unlike_pictures(160)
    pixels[1] = pixels[0]
    pixels[9] = np.clip(pixels[8] * 0.9 + 5, 0, 255)
    found = find_copies(make_material(pixels=pixels), most_images=100)
    assert not found.near_searched
    assert [group.members for group in found.groups] == [(0, 1)]


def test_drawn_pictures_are_compared_for_identity_alone(make_material: Callable[..., Material]) -> None:
    pixels = unlike_pictures(160)
    pixels[1] = pixels[0]
    pixels[9] = np.clip(pixels[8] * 0.9 + 5, 0, 255)
    found = find_copies(make_material(pixels=pixels, synthetic=True))
    assert not found.near_searched
    assert [group.members for group in found.groups] == [(0, 1)]


def test_identical_copies_join_a_near_group(make_material: Callable[..., Material]) -> None:
    pixels = unlike_pictures(160)
    pixels[5] = pixels[0]
    pixels[7] = np.clip(pixels[0] * 0.9 + 5, 0, 255)
    (group,) = find_copies(make_material(pixels=pixels)).groups
    assert (group.members, group.identical) == ((0, 5, 7), False)


def test_images_that_could_not_be_read_have_no_copies(make_material: Callable[..., Material]) -> None:
    rows = np.arange(160)
    rows[[3, 4]] = -1
    pixels = unlike_pictures(160)
    pixels[[3, 4]] = 0
    pixels[100] = pixels[101]
    (group,) = find_copies(make_material(pixels=pixels, rows=rows)).groups
    assert group.members == (100, 101)


def test_samples_are_training_images_of_different_patients_with_few_other_labels(
    make_material: Callable[..., Material],
) -> None:
    material = make_material()
    samples = choose_samples(material)
    assert samples == choose_samples(material)
    assert {name: len(members) for name, members in samples.items()} == {"Mass": 4, "Edema": 4, "no finding": 4}
    for members in samples.values():
        assert (material.images["split"].iloc[members] == "train").all()
        assert material.images["patient"].iloc[members].is_unique
    assert material.labels[samples["Mass"]].tolist() == [[1, 0]] * 4


def test_a_class_without_training_images_has_no_sample(make_material: Callable[..., Material]) -> None:
    assert choose_samples(make_material([[1, 0], [1, 0]], columns={"split": ["val", "test"]}))["Mass"] == []
