from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.shortcuts.made import image_table, material, properties, random_labels, unlike_pictures
from thaw.labels import UNKNOWN
from thaw.shortcuts.cautions import shortcut_warnings
from thaw.shortcuts.measure import PROBES, measure_patients, measure_shortcuts

COUNT = 600
LABELS = random_labels(COUNT)
WELL = {"a model": 0.75}


def measured(files: Any = None, **changes: Any) -> dict[str, Any]:
    labels = changes.pop("labels", LABELS)
    made = material(labels, synthetic=True, **changes)
    found = measure_shortcuts(made, properties(len(labels)) if files is None else files, None, 200, 0.95)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def reached(found: dict[str, Any], auroc: float = 0.7) -> set[str]:
    """The probes that reach an AUROC."""
    return {name for name, probe in found["probes"].items() if (probe["auroc_macro"] or 0) >= auroc}


def test_where_nothing_tells_the_labels_no_probe_does() -> None:
    found = measured()
    assert list(found) == ["patients", "copies", "probes", "notes"]
    assert list(found["probes"]) == list(PROBES)
    for name in ("border", "brightness", "thumbnail", "all"):
        probe = found["probes"][name]
        assert probe["low"] < 0.5 < probe["high"]
    for name in ("properties", "covariates"):
        assert found["probes"][name]["reason"] == "it is unknown or the same for all training images"
    assert shortcut_warnings(found, WELL) == []


def test_brightness_that_tells_a_label_is_found_and_warned_of() -> None:
    pixels = np.clip(unlike_pictures(COUNT) * 0.8 + 30 * LABELS.sum(axis=1)[:, None, None], 0, 255).astype(np.uint8)
    found = measured(pixels=pixels)
    assert reached(found) == {"border", "brightness", "thumbnail", "all"}
    said = shortcut_warnings(found, WELL)
    assert len(said) == 4
    assert said[1].startswith("mean, spread and quantiles of gray give a linear probe macro AUROC 0.")
    assert "which reaches a model (0.750)" in said[1]


def test_a_border_that_tells_a_label_is_found() -> None:
    pixels = unlike_pictures(COUNT)
    pixels[:, :, -1] = 128 + 60 * LABELS[:, :1].astype(np.int64)
    assert "border" in reached(measured(pixels=pixels))


def test_a_size_that_tells_a_label_is_found_though_it_lies_between_others() -> None:
    width = np.where(LABELS[:, 0] == 1, 1000, np.where(np.arange(COUNT) % 2, 900, 1100))
    found = measured(properties(COUNT, width=width.astype(float)), labels=LABELS[:, :1])
    assert reached(found) == {"properties", "all"}
    assert found["probes"]["properties"]["auroc_macro"] == 1.0


def test_what_was_converted_is_a_property() -> None:
    names = image_table(COUNT)["image"][LABELS[:, 0] == 1]
    quality = pd.DataFrame({"image": names, "action": "converted", "reason": "16-bit scaled to 8-bit"})
    assert "properties" in reached(measured(quality=quality))


def test_covariates_that_tell_a_label_are_found_apart_from_pictures() -> None:
    found = measured(columns={"view": np.where(LABELS[:, 0] == 1, "AP", "PA")}, labels=LABELS[:, :1])
    assert reached(found) == {"covariates"}


def test_patients_on_two_sides_are_counted_and_named() -> None:
    table = image_table(COUNT)
    assert measure_patients(table)["crossing"] == 0
    table.loc[0, "split"] = "test"
    table.loc[6, "split"] = "train"
    found = measured(columns={"split": table["split"]})
    assert found["patients"] == {
        "crossing": 2, "examples": ["p0000", "p0003"], "test_images": 201, "leaking_test_images": 1,
    }  # fmt: skip
    assert len(shortcut_warnings(found, {})) == 1


def test_images_that_were_not_read_or_are_in_no_split_do_not_count() -> None:
    rows, split = np.arange(COUNT), image_table(COUNT)["split"]
    test = np.flatnonzero(split == "test")
    rows[test[0]] = -1
    split[test[1]] = ""
    found = measured(rows=rows, columns={"split": split})
    assert found["patients"]["test_images"] == len(test) - 2


def test_a_note_is_passed_on() -> None:
    found = measure_shortcuts(material(LABELS, synthetic=True), properties(COUNT), "a note", 100, 0.95)
    assert found["notes"] == ["a note"]


@pytest.mark.parametrize(
    "labels", [np.zeros((12, 2), np.int8), np.full((12, 2), UNKNOWN, np.int8), np.ones((12, 2), np.int8)]
)
def test_labels_that_cannot_be_told_give_reasons(labels: np.ndarray) -> None:
    found = measured(labels=labels)
    assert {probe["auroc_macro"] for probe in found["probes"].values()} == {None}
    assert all(probe["reason"] for probe in found["probes"].values())


def test_without_a_test_image_there_is_no_figure() -> None:
    found = measured(columns={"split": "train"})
    assert {probe["reason"] for probe in found["probes"].values()} == {"there are no test images"}
    assert found["patients"] == {"crossing": 0, "examples": [], "test_images": 0, "leaking_test_images": 0}
