from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from thaw.errors import UserError
from thaw.images.properties import Properties, archives_of, properties_of, read_properties

Pack = Callable[..., Path]


def picture(width: int, height: int, mode: str = "L", kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, kind)
    return file.getvalue()


def dicom(rows: int, columns: int) -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, "1.2.840.10008.5.1.4.1.1.1"
    meta.MediaStorageSOPInstanceUID = "1.2"
    dataset = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    dataset.Rows, dataset.Columns, dataset.PhotometricInterpretation = rows, columns, "MONOCHROME2"
    dataset.BitsAllocated, dataset.PixelData = 8, bytes(rows * columns)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


FILES = {
    "a/1.png": picture(40, 30), "a/2.jpg": picture(50, 20, "RGB", "JPEG"), "b/3.png": picture(20, 20, "I;16"),
    "4.dcm": dicom(24, 32), "5.png": b"no picture", "6.png": b"",
}  # fmt: skip
EXPECTED = [
    (40, 30, "L", "PNG"), (50, 20, "RGB", "JPEG"), (20, 20, "I;16", "PNG"), (32, 24, "MONOCHROME2", "DICOM"),
    (None, None, "", ""), (None, None, "", ""),
]  # fmt: skip


def rows_of(table: pd.DataFrame) -> list[tuple[object, ...]]:
    return list(table.astype("object").where(table.notna(), None).itertuples(index=False, name=None))


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz"])
def test_the_header_of_every_file_is_read(pack: Pack, kind: str) -> None:
    table, note = read_properties(pack(kind, FILES), list(FILES))
    assert list(table.columns) == ["width", "height", "mode", "format"]
    assert rows_of(table) == EXPECTED
    assert note is None


def test_a_missing_file_is_unknown_and_the_order_is_that_of_the_images(pack: Pack) -> None:
    table, _ = read_properties(pack("folder", FILES), ["gone.png", "a/1.png"])
    assert rows_of(table) == [(None, None, "", ""), EXPECTED[0]]


def test_large_archives_are_passed_over_and_said(pack: Pack, tmp_path: Path) -> None:
    pack("zip", {"x.png": FILES["a/1.png"]}, "set.folder/packed")
    folder = pack("folder", {"7.png": FILES["a/1.png"]})
    names = ["packed.zip/x.png", "7.png"]
    whole, nothing_said = read_properties(folder, names)
    assert rows_of(whole) == [EXPECTED[0]] * 2
    assert nothing_said is None
    table, note = read_properties(folder, names, largest_archives_bytes=10)
    assert rows_of(table) == [(None, None, "", ""), EXPECTED[0]]
    assert note == "1 files lie in archives of 0 GiB, too large to read for their properties"


def test_the_archive_of_a_file(pack: Pack, tmp_path: Path) -> None:
    archive = pack("zip", {"in/x.png": b""}, "set.folder/deep/packed")
    folder = pack("folder", {"deep/7.png": b"", "8.png": b""})
    names = ["deep/packed.zip/in/x.png", "deep/7.png", "8.png", "gone/9.png"]
    assert archives_of(folder, names) == {names[0]: archive}
    assert archives_of(archive, ["in/x.png"]) == {"in/x.png": archive}


@pytest.mark.parametrize("cut", [3, 20, 140, 200])
def test_damage_is_unknown(cut: int) -> None:
    for content in FILES.values():
        assert isinstance(properties_of(io.BytesIO(content[:cut])), Properties)
    noise = np.random.default_rng(cut).integers(0, 256, 500, np.uint8).tobytes()
    assert properties_of(io.BytesIO(noise)) == Properties()


def test_a_source_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        read_properties(tmp_path / "gone", ["1.png"])
