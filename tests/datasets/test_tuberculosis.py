from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from thaw.datasets import read_dataset
from thaw.errors import UserError

SHARED = Path(os.environ.get("THAW_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "cxr_3class"


def drawn(seed: int, side_px: int = 96, quality: int = 95) -> bytes:
    """A picture with coarse structure of its own, so that only its copies are like it."""
    cells = np.random.default_rng(seed).integers(30, 226, (12, 12), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(cells).resize((side_px, side_px), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@pytest.fixture
def files() -> dict[str, bytes]:
    names = [
        "NORMAL/IM-0115-0001.jpeg",
        "NORMAL/IM-0115-0002.jpeg",
        "NORMAL/00000005_003.png",
        "PNEUMONIA/person12_virus_3.jpeg",
        "PNEUMONIA/person12_bacteria_4.jpeg",
        "PNEUMONIA/pneumonia-77.jpg",
        "TUBERCULOSIS/tuberculosis-1.jpg",
        "TUBERCULOSIS/tuberculosis-2.jpg",
        "TUBERCULOSIS/CHNCXR_0327_1.png",
    ]
    return {f"cxr/{name}": drawn(number) for number, name in enumerate(names)}


@pytest.fixture
def read(params, pack):
    return lambda files, kind="zip", **given: read_dataset(params("tuberculosis", pack(kind, files), **given))


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_patients_come_from_the_known_file_names(read, files, kind):
    dataset = read(files, kind)
    assert (dataset.task, dataset.classes) == ("multiclass", ("NORMAL", "PNEUMONIA", "TUBERCULOSIS"))
    patient = dict(zip(dataset.table["image"], dataset.table["patient"], strict=True))
    assert patient["cxr/NORMAL/IM-0115-0001.jpeg"] == patient["cxr/NORMAL/IM-0115-0002.jpeg"] == "IM-0115"
    assert patient["cxr/PNEUMONIA/person12_virus_3.jpeg"] == "person12"
    assert patient["cxr/TUBERCULOSIS/tuberculosis-1.jpg"] == "cxr/TUBERCULOSIS/tuberculosis-1.jpg"
    assert dataset.table["patient"].nunique() == 7
    assert "3 images name no patient; each is one of its own, together with its near-duplicates" in dataset.notices


def test_copies_make_one_patient_whatever_their_names_say(read, files):
    # the sixth picture again, smaller and at another quality, under another name and class
    files["cxr/TUBERCULOSIS/tuberculosis-9.jpg"] = drawn(5, side_px=80, quality=60)
    dataset = read(files)
    patient = dict(zip(dataset.table["image"], dataset.table["patient"], strict=True))
    assert patient["cxr/TUBERCULOSIS/tuberculosis-9.jpg"] == patient["cxr/PNEUMONIA/pneumonia-77.jpg"]
    assert "1 images are near-duplicates of others; they stay on one side of the split" in dataset.notices


def test_unreadable_pictures_are_not_taken_for_copies_of_each_other(read, files):
    files |= {"cxr/NORMAL/broken-1.jpg": b"no picture", "cxr/TUBERCULOSIS/broken-2.jpg": b"none either"}
    table = read(files).table
    assert table["patient"].nunique() == 9


def test_a_given_pattern_replaces_the_rules(read, files):
    table = read(files, patient_pattern=r"(\d+)\.[a-z]+$").table
    assert set(table["patient"]) >= {"0001", "77", "327_1"[-1]}


def test_the_warning_about_glued_sources_is_given(read, files):
    notices = read(files).notices
    assert any("a network can tell sources apart" in notice for notice in notices)
    assert any(notice.startswith("warning: file names show") for notice in notices)


def test_other_folders_are_refused(read, files):
    with pytest.raises(
        UserError, match=r"has the folders COVID, NORMAL, PNEUMONIA, TUBERCULOSIS; dataset\.name = tuberculosis needs"
    ):
        read(files | {"cxr/COVID/1.png": drawn(50)})


def test_real_set(params):
    path = SHARED / "cxr_3class.zip"
    if not path.exists():
        pytest.skip("no shared X-rays here")
    dataset = read_dataset(params("tuberculosis", path))
    assert dataset.table[list(dataset.classes)].sum().tolist() == [744, 300, 1089]
    manifest = pd.read_csv(SHARED / "manifest.csv").set_index("path")
    known = manifest[(manifest["patient_id_known"] == "yes") & manifest["patient_id"].str.startswith("nih-")]
    ours = dataset.table.set_index("image")["patient"].loc[known.index]
    # adults with one picture each: nobody is joined with anybody
    assert ours.nunique() == known["patient_id"].nunique()
