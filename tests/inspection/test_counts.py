"""Counts of labels by split: unknown labels are in no share, unread images in no count."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from thaw.inspection.counts import (
    NO_FINDING,
    LabelCount,
    count_labels,
    count_sizes,
    count_together,
    without_finding,
)
from thaw.inspection.material import Material

# two images a patient, and by patient: train, train, val, test
LABELS = [[1, 0], [1, 1], [0, -1], [0, 0], [1, -1], [-1, 1], [0, 0], [0, 1]]


def test_labels_are_counted_by_split_with_their_patients(make_material: Callable[..., Material]) -> None:
    counts = count_labels(make_material(LABELS))
    assert counts["Mass"]["train"] == LabelCount(images=4, positive=2, unknown=0, patients=1)
    assert counts["Mass"]["val"] == LabelCount(images=2, positive=1, unknown=1, patients=1)
    assert counts["Edema"]["all"] == LabelCount(images=8, positive=3, unknown=2, patients=3)


def test_the_share_is_of_the_images_whose_label_is_known() -> None:
    assert LabelCount(images=10, positive=2, unknown=6, patients=1).prevalence == 0.5
    assert LabelCount(images=3, positive=0, unknown=3, patients=0).prevalence is None


def test_images_without_any_finding_are_counted_where_all_labels_are_known(
    make_material: Callable[..., Material],
) -> None:
    counts = count_labels(make_material(LABELS))
    assert counts[NO_FINDING]["train"] == LabelCount(images=4, positive=1, unknown=1, patients=1)
    assert without_finding(np.array([[1, -1], [0, -1], [0, 0]], np.int8)).tolist() == [0, -1, 1]


def test_one_class_an_image_has_no_such_row_and_a_class_of_that_name_is_not_doubled(
    make_material: Callable[..., Material],
) -> None:
    assert NO_FINDING not in count_labels(make_material([[1, 0], [0, 1]], task="multiclass"))
    assert list(count_labels(make_material(LABELS, classes=["Mass", "No Finding"]))) == ["Mass", "No Finding"]


def test_images_that_could_not_be_read_are_not_counted(make_material: Callable[..., Material]) -> None:
    material = make_material(LABELS, rows=[-1, -1, 0, 1, 2, 3, 4, 5])
    assert count_labels(material)["Mass"]["train"].positive == 0
    assert {name: (size.images, size.patients) for name, size in count_sizes(material).items()} == {
        "train": (2, 1), "val": (2, 1), "test": (2, 1), "all": (6, 3),
    }  # fmt: skip


def test_together_counts_images_that_have_both(make_material: Callable[..., Material]) -> None:
    assert count_together(make_material(LABELS)).tolist() == [[3, 1], [1, 3]]
