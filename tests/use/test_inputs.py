from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Pack
from tests.use.made import dicom_file, picture_files
from thaw.use import inputs as inputs_module
from thaw.use.inputs import Inputs
from thaw.use.reading import Read, read_ahead

PNG = picture_files()["gray.png"]
FILES = {
    "b.png": PNG, "a/c.JPG": picture_files()["gray.jpg"], "a/1.2.840": dicom_file(), "a/noted": b"notes",
    "readme.txt": b"", "table.csv": b"a,b", "d.dcm": b"broken",
}  # fmt: skip
FOUND = ["a/1.2.840", "a/c.JPG", "b.png"]


def read_all(*paths: Path, count: int = 4) -> tuple[list[Read], Inputs]:
    with Inputs(paths) as inputs, closing(read_ahead(inputs, 64, None, count)) as batches:
        return [one for batch in batches for one in batch], inputs


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz"])
def test_images_are_found_in_folders_and_archives(pack: Pack, kind: str) -> None:
    path = pack(kind, FILES)
    found, inputs = read_all(path)
    assert sorted(one.name for one in found if one.pixels is not None) == [f"{path}/{name}" for name in FOUND]
    assert [(one.name, one.reason is None) for one in found if one.pixels is None and one.reason] == [
        (f"{path}/d.dcm", False)
    ]
    # a file without an ending that is no DICOM is passed over; one that is called .dcm is not
    assert [one.name for one in found if one.pixels is None and one.reason is None] == [f"{path}/a/noted"]
    assert inputs.passed_over == 2


def test_the_order_is_that_of_the_paths_and_of_the_names(pack: Pack, tmp_path: Path) -> None:
    second, first = pack("folder", FILES, "x"), pack("zip", FILES, "y")
    (tmp_path / "picture").write_bytes(PNG)
    found, _ = read_all(first, tmp_path / "picture", second, count=2)
    names = [one.name for one in found]
    both = sorted([*FOUND, "a/noted", "d.dcm"])
    assert names == [
        *(f"{first}/{name}" for name in both), f"{tmp_path}/picture", *(f"{second}/{name}" for name in both)
    ]  # fmt: skip


def test_an_archive_in_a_folder_is_read_too(pack: Pack, tmp_path: Path) -> None:
    pack("tar.gz", {"p.png": PNG}, "folder/inner")
    pack("zip", {"q.png": PNG}, "folder/other")
    found, _ = read_all(tmp_path / "folder")
    assert [(one.name.rpartition("/")[2], one.reason) for one in found] == [("p.png", None), ("q.png", None)]


def test_what_cannot_be_opened_is_an_image_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    found, _ = read_all(tmp_path / "broken.zip", tmp_path / "none.png", tmp_path / "empty")
    assert [one.pixels for one in found] == [None] * 3
    assert "not a complete zip archive" in str(found[0].reason)
    assert [one.reason for one in found[1:]] == ["no such file"] * 2


def test_of_an_archive_few_files_wait_in_memory(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs_module, "HELD", 3)
    path = pack("tar.gz", {f"{number:02d}.png": PNG for number in range(40)})
    found, _ = read_all(path, count=16)
    assert Counter(one.reason for one in found) == {None: 40}


def test_a_reading_that_is_broken_off_ends(pack: Pack) -> None:
    path = pack("folder", {f"{number:02d}.png": PNG for number in range(30)})
    with Inputs([path]) as inputs, closing(read_ahead(inputs, 64, None, 4)) as batches:
        assert len(next(batches)) == 4
