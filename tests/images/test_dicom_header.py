from __future__ import annotations

import io
import zlib

import pytest
from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from thaw.images.dicom import Header, is_dicom, read_header
from thaw.images.unreadable import UnreadableError

PIXELS = bytes(range(256)) * 2
PATIENT = {"PatientID": " ID-7 ", "ViewPosition": "PA", "PatientSex": "F", "PatientAge": "058Y", "Modality": "DX"}
PICTURE = {"Rows": 16, "Columns": 32, "BitsAllocated": 8, "PhotometricInterpretation": "MONOCHROME1"}

# attributes are also written as real files have them: in lower case, without a unit
pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR")


def encoded(attributes, syntax=ExplicitVRLittleEndian):
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = (
        syntax,
        CTImageStorage,
        "1.2",
    )
    file = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    for keyword, value in attributes.items():
        setattr(file, keyword, value)
    buffer = io.BytesIO()
    file.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


WHOLE = {**PATIENT, **PICTURE, "PixelData": PIXELS}
EXPECTED = Header("ID-7", "PA", "F", 58, "DX", "MONOCHROME1", 16, 32)


def test_the_header():
    assert read_header(encoded(WHOLE)) == EXPECTED
    assert read_header(encoded(WHOLE, DeflatedExplicitVRLittleEndian)) == EXPECTED


@pytest.mark.parametrize("missing", [1, 300, len(PIXELS), len(PIXELS) + 12])
def test_the_part_before_the_pixels_is_enough(missing):
    assert read_header(encoded(WHOLE)[:-missing]) == EXPECTED


def test_what_is_missing_is_unknown():
    assert read_header(encoded({})) == Header("", "", "", None, "", "", 0, 0)
    assert read_header(encoded(dict.fromkeys(PATIENT))) == Header("", "", "", None, "", "", 0, 0)


@pytest.mark.parametrize("other", [b"", b"\x89PNG", encoded(WHOLE)[128:], zlib.compress(encoded(WHOLE))])
def test_other_files_are_refused(other):
    assert is_dicom(encoded(WHOLE))
    assert not is_dicom(other)
    with pytest.raises(UnreadableError, match="not a DICOM file"):
        read_header(other)


def test_damage_is_refused():
    with pytest.raises(UnreadableError, match="damaged or truncated DICOM"):
        read_header(encoded(WHOLE, DeflatedExplicitVRLittleEndian)[:-20])


@pytest.mark.parametrize(
    ("age", "years"),
    [
        ("013M", 1),
        ("011M", 0),
        ("104W", 1),
        ("106W", 2),
        ("400D", 1),
        ("100Y", 100),
        ("51", 51),
        ("", None),
        ("Y", None),
    ],
)
def test_ages(age, years):
    assert read_header(encoded({"PatientAge": age})).age_years == years


def test_a_view_is_in_upper_case():
    assert read_header(encoded({"ViewPosition": "pa "})).view == "PA"


@pytest.mark.parametrize(("sex", "expected"), [("M", "M"), ("f", "F"), ("O", ""), ("female", "")])
def test_sexes(sex, expected):
    assert read_header(encoded({"PatientSex": sex})).sex == expected
