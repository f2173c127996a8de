from __future__ import annotations

import io
import json

import numpy as np
import pytest
from pydicom.dataset import Dataset as Dicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from thaw.datasets import read_dataset
from thaw.images import headers
from thaw.images.headers import original_names
from thaw.images.store import build_store


def x_ray(patient: str, view: str = "PA", modality: str = "DX", seed: int = 0) -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[patient, str(seed)])
    dicom = Dicom()
    dicom.file_meta = meta
    dicom.SOPClassUID, dicom.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dicom.PatientID, dicom.ViewPosition, dicom.Modality = patient, view, modality
    dicom.PatientSex, dicom.PatientAge = "F", "058Y"
    dicom.Rows = dicom.Columns = 32
    dicom.SamplesPerPixel, dicom.PhotometricInterpretation = 1, "MONOCHROME2"
    dicom.BitsAllocated, dicom.BitsStored, dicom.HighBit, dicom.PixelRepresentation = 16, 12, 11, 0
    dicom.PixelData = np.random.default_rng(seed).integers(0, 4096, (32, 32), dtype=np.uint16).tobytes()
    buffer = io.BytesIO()
    dicom.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """The salt is made in the folder of the project."""
    monkeypatch.delenv("THAW_SALT", raising=False)
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    monkeypatch.chdir(project)


FILES = {
    "NORMAL/HOSP0001/IM1.dcm": x_ray("HOSP0001"),
    "NORMAL/HOSP0001/IM2": x_ray("HOSP0001", "AP", seed=1),
    "SICK/HOSP0002_1.dcm": x_ray("HOSP0002", "AP", "CR", seed=2),
    "SICK/slice.dcm": x_ray("HOSP0003", "", "CT", seed=3),
}


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_patient_view_sex_and_age_come_from_the_header(params, pack, kind):
    files = FILES if kind == "folder" else {f"set/{name}": content for name, content in FILES.items()}
    dataset = read_dataset(params("folder", pack(kind, files)))
    table = dataset.table
    assert table["patient"].nunique() == 3
    assert sorted(table["view"]) == ["", "AP", "AP", "PA"]
    assert set(table["sex"]) == {"F"}
    assert set(table["age"]) == {58}
    assert "1 images are of modality CT, not X-rays" in dataset.notices


def test_no_identifier_reaches_what_is_written(params, pack):
    path = pack("folder", FILES)
    dataset = read_dataset(params("folder", path))
    written = dataset.table.to_csv() + json.dumps(dataset.notices)
    assert "HOSP" not in written
    # the pictures are found again under the names that were written
    files = original_names(path, dataset.table["image"].tolist())
    assert set(files.values()) == set(FILES)


def test_pictures_are_decoded_under_their_pseudonyms(params, pack, tmp_path):
    path = pack("folder", FILES)
    images = read_dataset(params("folder", path)).table["image"].tolist()
    files = original_names(path, images)
    quality = build_store(path, [files[image] for image in images], 32, None, tmp_path / "images.npy")
    assert set(quality["action"]) == {"converted"}
    pixels = np.load(tmp_path / "images.npy")
    assert len({picture.tobytes() for picture in pixels}) == 4


def test_the_same_salt_gives_the_same_pseudonyms_and_another_does_not(params, pack, monkeypatch):
    path = pack("folder", FILES)
    first = read_dataset(params("folder", path)).table
    assert read_dataset(params("folder", path)).table.equals(first)
    monkeypatch.setenv("THAW_SALT", "another salt, long enough")
    assert not set(read_dataset(params("folder", path)).table["patient"]) & set(first["patient"])


def test_a_table_of_dicom_files_takes_patients_from_its_column_or_the_header(params, pack):
    folder = pack("folder", FILES)
    (folder / "t.csv").write_text("image,who,label\nSICK/HOSP0002_1,7,A\nNORMAL/HOSP0001/IM1,8,B\n")
    columns = {"patient": None, "labels": "label"}
    by_header = read_dataset(params("table", folder / "t.csv", columns=columns))
    by_column = read_dataset(params("table", folder / "t.csv", columns=columns | {"patient": "who"}))
    for dataset in (by_header, by_column):
        assert dataset.table["patient"].str.fullmatch("[0-9a-f]{16}").all()
        assert not dataset.table["image"].str.contains("HOSP").any()
    assert not set(by_header.table["patient"]) & set(by_column.table["patient"])


def test_without_dicom_no_salt_is_made(params, pack, picture):
    read_dataset(params("folder", pack("folder", {"A/1.png": picture, "B/2.png": picture})))
    assert not headers.SALT.exists()
