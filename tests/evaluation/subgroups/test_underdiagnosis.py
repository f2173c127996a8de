"""Which images count as underdiagnosed, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from thaw.evaluation.decisions import Thresholds
from thaw.evaluation.subgroups.judged import Judged
from thaw.evaluation.subgroups.underdiagnosis import Underdiagnosis, underdiagnosis
from thaw.labels import UNKNOWN, Task

LABELS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [UNKNOWN, 0, UNKNOWN]])
CHANCES = np.array([[0.2, 0.1, 0.7], [0.1, 0.6, 0.3], [0.9, 0.05, 0.05], [0.5, 0.1, 0.4], [0.3, 0.3, 0.4]])


def of(
    classes: list[str], thresholds: Thresholds, task: Task = "multilabel", images: int = len(LABELS)
) -> Underdiagnosis:
    return underdiagnosis(Judged.of(LABELS[:images], CHANCES[:images], thresholds, classes, task))


def test_without_a_class_for_nothing_found_no_finding_reaches_its_threshold() -> None:
    found = of(["Mass", "Nodule", "Effusion"], [0.5, 0.5, 0.8])
    assert found.ill.tolist() == [True, True, True, True, False]
    assert found.missed.tolist() == [True, False, False, False, False]
    assert found.definition == "share of the images with a finding for which no class reaches its threshold"


def test_a_class_without_threshold_has_no_part() -> None:
    found = of(["Mass", "Nodule", "Effusion"], [0.5, None, 0.8])
    assert found.ill.tolist() == [True, False, True, True, False]
    assert found.missed.tolist() == [True, False, False, False, False]
    assert of(["Mass", "Nodule", "Effusion"], [None] * 3).reason == "no class has an operating point"


@pytest.mark.parametrize("name", ["No Finding", "no_finding", "NORMAL", "Healthy"])
def test_a_class_for_nothing_found_is_asked_alone(name: str) -> None:
    found = of(["Mass", "Nodule", name], [0.1, 0.1, 0.4])
    assert found.ill.tolist() == [True, True, False, True, False]
    assert found.missed.tolist() == [True, False, False, True, False]
    assert found.reason is None
    without = of(["Mass", "Nodule", name], [0.1, 0.1, None])
    assert (without.definition, without.reason) == (None, f"{name} has no operating point")
    assert not without.ill.any()


def test_with_one_label_an_image_the_likeliest_class_counts() -> None:
    found = of(["PNEUMONIA", "TUBERCULOSIS", "NORMAL"], [0.5, 0.5, None], "multiclass", images=3)
    assert found.ill.tolist() == [True, True, False]
    assert found.missed.tolist() == [True, False, False]
    nothing = of(["a", "b", "abnormal"], 0.5, "multiclass", images=3)
    assert nothing.reason == "no class says that nothing is found, as NORMAL and No Finding do"
    assert not nothing.missed.any()
