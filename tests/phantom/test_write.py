"""The files of a phantom cohort: NIH's own layout, and the same bytes every time."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import pytest
from PIL import Image

from thaw.errors import UserError
from thaw.phantom import draw_cohort, write
from thaw.phantom.cohort import sample_cohort

IMAGES, SIZE = 40, 64


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    draw_cohort(folder, IMAGES, SIZE, seed=3)
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_every_listed_image_is_an_8_bit_grey_picture_of_the_asked_size(cohort: Path) -> None:
    listed = [row[0] for row in rows(cohort / "Data_Entry_2017.csv")[1:]]
    assert len(listed) == IMAGES
    assert sorted(path.name for path in cohort.rglob("*.png")) == listed
    for name in listed:
        with Image.open(cohort / "images_001" / "images" / name) as picture:
            assert (picture.format, picture.mode, picture.size) == ("PNG", "L", (SIZE, SIZE))


def test_the_table_is_written_as_nih_writes_it(cohort: Path) -> None:
    text = (cohort / "Data_Entry_2017.csv").read_text()
    assert text.startswith(
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
        "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]\n"
    )
    for study, row in zip(sample_cohort(IMAGES, 3), rows(cohort / "Data_Entry_2017.csv")[1:], strict=True):
        assert row[0] == f"{study.patient:08d}_{study.follow_up:03d}.png"
        assert row[1] == ("|".join(study.labels) or "No Finding")
        assert row[2:7] == [str(study.follow_up), str(study.patient), str(study.age), study.sex, study.view]
        assert row[7:9] == [str(SIZE), str(SIZE)]
        assert 10 * float(row[9]) * SIZE == pytest.approx(4280, rel=1e-3)


def test_boxes_lie_inside_the_picture_and_name_every_drawn_finding_and_no_other(cohort: Path) -> None:
    header, *boxes = rows(cohort / "BBox_List_2017.csv")
    assert header == ["Image Index", "Finding Label", "Bbox [x", "y", "w", "h]", "", "", ""]
    for name, _, *corners in boxes:
        x, y, width, height = map(float, corners)
        assert min(x, y) >= 0 < min(width, height), name
        assert max(x + width, y + height) <= SIZE, name
    drawn = {(study.file_name, finding) for study in sample_cohort(IMAGES, 3) for finding in study.drawn}
    assert {(name, finding) for name, finding, *_ in boxes} == drawn


def test_the_same_arguments_write_the_same_bytes_and_another_seed_others(cohort: Path, tmp_path: Path) -> None:
    draw_cohort(tmp_path / "again", IMAGES, SIZE, seed=3)
    draw_cohort(tmp_path / "other", IMAGES, SIZE, seed=4)
    assert digests(tmp_path / "again") == digests(cohort)
    assert not set(digests(tmp_path / "other").values()) & set(digests(cohort).values())


def test_processes_write_the_same_bytes_as_one(cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "WORTH_PROCESSES", 1)
    monkeypatch.setattr(write, "_processors", lambda: 2)
    draw_cohort(tmp_path, IMAGES, SIZE, seed=3)
    assert digests(tmp_path) == digests(cohort)


def test_a_folder_holds_at_most_so_many_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "IMAGES_PER_FOLDER", 4)
    draw_cohort(tmp_path, 10, 32, seed=0)
    counts = {path.name: len(list(path.rglob("*.png"))) for path in sorted(tmp_path.glob("images_*"))}
    assert counts == {"images_001": 4, "images_002": 4, "images_003": 2}


@pytest.mark.parametrize(("images", "size_px", "seed"), [(0, 64, 0), (5, 8, 0), (5, 64, -1)])
def test_impossible_cohorts_are_refused_in_one_line(tmp_path: Path, images: int, size_px: int, seed: int) -> None:
    with pytest.raises(UserError, match=f"{images} images of {size_px} px with seed {seed}"):
        draw_cohort(tmp_path, images, size_px, seed)
    assert list(tmp_path.iterdir()) == []
