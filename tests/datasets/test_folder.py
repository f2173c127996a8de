from __future__ import annotations

import pytest

from thaw.datasets import read_dataset
from thaw.errors import UserError

FILES = ["TB/p1_a.png", "TB/2019/p1_b.JPG", "NORMAL/p2_a.jpeg", "COVID/p3.Png", "COVID/notes.txt"]


@pytest.fixture
def read(params, pack, tmp_path, picture):
    def read(names, kind="folder", pattern=None):
        path = pack(kind, dict.fromkeys(names, picture))
        return read_dataset(params("folder", path, patient_pattern=pattern))

    return read


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_classes_are_the_sorted_first_level_folders(kind, read):
    dataset = read(FILES, kind)
    assert (dataset.task, dataset.classes, dataset.title) == ("multiclass", ("COVID", "NORMAL", "TB"), "set")
    table = dataset.table.set_index("image")
    assert table[["COVID", "NORMAL", "TB"]].idxmax(axis=1).to_dict() == {
        name: name.split("/")[0] for name in FILES if not name.endswith("txt")
    }


def test_patient_is_the_first_group_of_the_pattern(read):
    table = read(FILES, pattern=r"(p\d)(_.)?").table.set_index("image")
    assert table["patient"].to_dict() == {
        "TB/p1_a.png": "p1",
        "TB/2019/p1_b.JPG": "p1",
        "NORMAL/p2_a.jpeg": "p2",
        "COVID/p3.Png": "p3",
    }


def test_pattern_sees_the_file_name_only(read):
    with pytest.raises(UserError, match=r"finds no patient in 'COVID/p3\.Png'"):
        read(FILES, pattern="(COVID|p1|p2)")


def test_optional_group_that_stays_empty_is_refused(read):
    with pytest.raises(UserError, match=r"finds no patient in 'COVID/p3\.Png'"):
        read(FILES, pattern=r"p\d(_.)?")


def test_without_a_pattern_every_image_is_a_patient_and_it_is_said(read):
    dataset = read(FILES)
    assert dataset.table["patient"].is_unique
    assert any("patients unknown" in notice and "could leak" in notice for notice in dataset.notices)
    assert not any("patients unknown" in notice for notice in read(FILES, pattern=r"(p\d)").notices)


def test_images_outside_class_folders_are_left_out_and_counted(read):
    dataset = read([*FILES, "cover.png"])
    assert len(dataset.table) == 4
    assert any(notice.startswith("1 images outside") for notice in dataset.notices)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_outer_folder_of_an_archive_is_entered(kind, read):
    dataset = read([f"set/{name}" for name in FILES], kind)
    assert dataset.classes == ("COVID", "NORMAL", "TB")
    assert dataset.table["image"].str.startswith("set/").all()


def test_one_class_folder_is_refused_with_what_was_found(read):
    with pytest.raises(UserError, match=r"needs two or more class folders.*found TB and 1 images outside"):
        read(["TB/a.png", "TB/2019/b.png", "loose.png"])


def test_outer_folder_on_disk_is_left_to_dataset_path(read):
    with pytest.raises(UserError, match="found outer and 0 images"):
        read(["outer/TB/a.png", "outer/NORMAL/b.png"])


def test_class_folder_with_a_reserved_name_is_refused(read):
    with pytest.raises(UserError, match="'image' cannot name a class"):
        read(["image/a.png", "TB/b.png"])
