from __future__ import annotations

import os
from pathlib import Path

import pytest

from thaw.datasets import read_dataset
from thaw.errors import UserError

SHARED = Path(os.environ.get("THAW_SHARED", Path(__file__).parents[3] / "shared"))
FILES = [
    "train/NORMAL/IM-0115-0001.jpeg",
    "train/NORMAL/NORMAL2-IM-1427-0001-0002.jpeg",
    "train/PNEUMONIA/person100_bacteria_475.jpeg",
    "val/PNEUMONIA/person1946_bacteria_4874.jpeg",
    "test/PNEUMONIA/person100_virus_184.jpeg",
    "test/NORMAL/IM-0001-0001.jpeg",
]


@pytest.fixture
def read(params, pack, tmp_path, picture):
    def read(names, kind="zip"):
        return read_dataset(params("pneumonia", pack(kind, dict.fromkeys(names, picture))))

    return read


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
@pytest.mark.parametrize("root", ["", "chest_xray/", "archive/chest_xray/"])
def test_layout_is_read_at_any_depth(kind, root, read):
    dataset = read([root + name for name in FILES], kind)
    assert (dataset.task, dataset.classes) == ("multiclass", ("NORMAL", "PNEUMONIA"))
    table = dataset.table.set_index("image")
    assert len(table) == 6
    row = table.loc[f"{root}train/PNEUMONIA/person100_bacteria_475.jpeg"]
    assert (row["patient"], row["NORMAL"], row["PNEUMONIA"], row["source_split"]) == ("person100", 0, 1, "train")
    row = table.loc[f"{root}train/NORMAL/NORMAL2-IM-1427-0001-0002.jpeg"]
    assert (row["patient"], row["NORMAL"], row["PNEUMONIA"]) == ("NORMAL2-IM-1427", 1, 0)
    assert table.loc[f"{root}train/NORMAL/IM-0115-0001.jpeg", "patient"] == "IM-0115"


def test_patients_that_cross_the_own_split_are_counted(read):
    assert any(notice.startswith("1 patients are in several of the set's own splits") for notice in read(FILES).notices)


def test_nested_copy_and_resource_forks_are_passed_over(read):
    names = [f"chest_xray/{name}" for name in FILES]
    copies = [f"chest_xray/chest_xray/{name}" for name in FILES]
    forks = [f"chest_xray/__MACOSX/chest_xray/{name.rsplit('/', 1)[0]}/._{name.rsplit('/', 1)[1]}" for name in FILES]
    dataset = read([*copies, *forks, *names, "chest_xray/train/NORMAL/.DS_Store"])
    assert sorted(dataset.table["image"]) == sorted(names)
    assert any(notice.startswith("6 files occur twice") for notice in dataset.notices)


def test_same_name_in_two_splits_is_two_images(read):
    dataset = read([*FILES, "train/NORMAL/IM-0001-0001.jpeg"])
    assert (dataset.table["patient"] == "IM-0001").sum() == 2


def test_name_outside_the_rules_is_a_patient_of_its_own_and_counted(read):
    dataset = read([*FILES, "train/NORMAL/scan_7.jpeg", "train/NORMAL/personal.jpeg"])
    patients = dataset.table.set_index("image")["patient"]
    assert patients["train/NORMAL/scan_7.jpeg"] == "train/NORMAL/scan_7.jpeg"
    assert patients["train/NORMAL/personal.jpeg"] == "train/NORMAL/personal.jpeg"
    assert any(notice.startswith("2 file names fit no rule") for notice in dataset.notices)


def test_set_without_one_class_is_refused(read):
    with pytest.raises(UserError, match="no image of class 'NORMAL'"):
        read([name for name in FILES if "PNEUMONIA" in name])


def test_real_set(params, tmp_path):
    path = SHARED / "data" / "chest_xray_pneumonia" / "chest_xray.zip"
    if not path.exists():
        pytest.skip("no shared X-rays here")
    table = read_dataset(params("pneumonia", path)).table
    assert (len(table), table["patient"].nunique(), table["PNEUMONIA"].sum()) == (4539, 2428, 3306)
    assert table["source_split"].value_counts().to_dict() == {"train": 4046, "val": 16, "test": 477}
