"""Warnings: silent over sound data, one line for each thing that a reader must know."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from thaw.inspection.findings import inspect_material
from thaw.inspection.material import Material

from .conftest import described, unlike_pictures


@pytest.fixture
def warned(make_material: Callable[..., Material]) -> Callable[..., dict[str, str]]:
    """Code → text of the warnings about a set with changes; lines of one code are joined."""

    def warned(**changes: object) -> dict[str, str]:
        said: dict[str, str] = {}
        for caution in inspect_material(make_material(**changes)).cautions:
            assert "person0" not in caution.text
            assert "\n" not in caution.text
            said[caution.code] = f"{said.get(caution.code, '')}{caution.text}\n"
        return said

    return warned


def enough() -> NDArray[np.int64]:
    """Labels that no split has too few of: Edema on every other patient's both images."""
    return np.stack([np.arange(160) % 3 == 0, np.arange(160) // 2 % 3 == 0], axis=1).astype(int)


def rarer(split: str, kept: int) -> NDArray[np.int64]:
    """The labels, with ``Edema`` on ``kept`` images of a split only."""
    labels = enough()
    inside = np.flatnonzero((described(160)["split"] == split).to_numpy() & (labels[:, 1] == 1))
    labels[inside[kept:], 1] = 0
    return labels


def test_sound_data_has_no_warning(warned: Callable[..., dict[str, str]]) -> None:
    assert warned(labels=enough()) == {}


def test_patients_across_splits_are_counted_not_named(warned: Callable[..., dict[str, str]]) -> None:
    split = described(160)["split"]
    split[0] = "test"  # the other image of this patient is trained on
    assert warned(labels=enough(), columns={"split": split})["split_leaks"] == (
        "1 patient is in more than one split; 1 of 41 test images show a patient who is trained on: "
        "test figures will be too good\n"
    )


def test_the_sets_own_split_is_looked_at_too(warned: Callable[..., dict[str, str]]) -> None:
    own = ["train", "test"] * 3 + [""] * 154
    said = warned(labels=enough(), columns={"source_split": own})
    assert list(said) == ["official_split_leaks"]
    assert said["official_split_leaks"].startswith("3 patients are in more than one of the set's own splits")


@pytest.mark.parametrize(("split", "kept"), [("val", 3), ("test", 9)])
def test_a_rare_class_is_named_with_its_counts(warned: Callable[..., dict[str, str]], split: str, kept: int) -> None:
    said = warned(labels=rarer(split, kept))
    assert list(said) == ["rare_class"]
    assert said["rare_class"].startswith(f"rare in {split}: Edema ({kept} images of ")


def test_enough_images_of_too_few_patients_are_rare_too(warned: Callable[..., dict[str, str]]) -> None:
    patients = described(160)["patient"]
    patients[described(160)["split"] == "val"] = "one"
    assert "Edema (14 images of 1 patient)" in warned(labels=enough(), columns={"patient": patients})["rare_class"]


def test_an_absent_class_and_an_empty_split_are_named(warned: Callable[..., dict[str, str]]) -> None:
    assert warned(labels=rarer("val", 0))["absent_class"] == "absent from val: Edema\n"
    split = described(160)["split"].replace("test", "train")
    assert warned(labels=enough(), columns={"split": split})["empty_split"] == "test has no image that could be read\n"


def test_a_missing_covariate_is_named(warned: Callable[..., dict[str, str]]) -> None:
    said = warned(labels=enough(), columns={"sex": "", "age": [30.0] * 7 + [np.nan] * 153})
    assert said == {
        "missing_covariates": "missing in 95% of the images or more: sex, age; "
        "shortcuts through them cannot be looked for\n"
    }


def test_a_view_tied_to_a_label_is_named(warned: Callable[..., dict[str, str]]) -> None:
    labels = enough()
    views = np.where(labels[:, 1] == 1, "AP", "PA")
    views[:8] = "PA"
    said = warned(labels=labels, columns={"view": views})
    assert said["view_shortcut"].startswith("the view alone predicts Edema (AP, AUROC 0.9")


def test_copies_that_disagree_are_told(warned: Callable[..., dict[str, str]]) -> None:
    pixels = unlike_pictures(160)
    pixels[6] = pixels[8]
    said = warned(labels=enough(), pixels=pixels)
    picture = "1 picture has identical or nearly identical copies "
    assert said == {
        "duplicates_across_splits": f"{picture}in more than one split: test figures will be too good\n",
        "duplicates_labels_differ": f"{picture}with different labels: at most one can be right\n",
        "duplicates_patients_differ": f"{picture}under different patients: patients are not what they seem\n",
    }


def test_unread_and_unused_images_are_counted(warned: Callable[..., dict[str, str]]) -> None:
    rows, split = np.arange(160), described(160)["split"]
    rows[2], split[8:10] = -1, ""
    quality = pd.DataFrame({"image": ["person0001_2.png"], "action": ["quarantined"], "reason": ["empty file"]})
    said = warned(labels=enough(), rows=rows, quality=quality, columns={"split": split})
    assert said == {
        "quarantined": "1 image of 160 could not be read; see reports/quality.csv\n",
        "outside_splits": "2 images in no split: not used\n",
    }
