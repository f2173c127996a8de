"""The DICOM files that pydicom is installed with: real pictures of scanners and codecs; none is fetched."""

from __future__ import annotations

import contextlib
import functools
import random
import signal
from pathlib import Path

import gdcm
import numpy as np
import pydicom
import pydicom.data
import pytest
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from thaw.images import gdcm_process
from thaw.images.decode import decode
from thaw.images.dicom import dicom_to_gray, is_dicom, read_header
from thaw.images.unreadable import UnreadableError

FOLDER = Path(pydicom.data.__file__).parent / "test_files"
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file() and is_dicom(path.read_bytes()))
SMALL = [path for path in FILES if path.stat().st_size < 40_000 and path.suffix == ".dcm"]
DECODED_AT_LEAST = 60  # the others are plans, reports, directories, tiny or broken


def named(name):
    path = next((path for path in FILES if path.name == name), None)
    if path is None:
        pytest.skip(f"this pydicom has no {name}")
    return path


def gray(path_or_data):
    data = path_or_data if isinstance(path_or_data, bytes) else path_or_data.read_bytes()
    return np.asarray(dicom_to_gray(data)[0])


def reference(path):
    """Stored values of the uncompressed file through pydicom's rescale, and PS3.3, C.11.2.1.2.1 or the full range."""
    dataset = pydicom.dcmread(path)
    values = apply_modality_lut(dataset.pixel_array, dataset).astype(float)
    if "WindowWidth" in dataset:
        center, width = (np.ravel(dataset[end].value).astype(float)[0] for end in ("WindowCenter", "WindowWidth"))
        scaled = (values - (center - 0.5)) / (width - 1) + 0.5
    else:
        scaled = (values - values.min()) / (values.max() - values.min())
    scaled = np.rint(np.clip(scaled, 0, 1) * 255)
    return 255 - scaled if dataset.PhotometricInterpretation == "MONOCHROME1" else scaled


def test_every_file_decodes_or_has_a_reason():
    decoded = 0
    for path in FILES:
        with contextlib.suppress(UnreadableError):
            assert decode(path.read_bytes(), 32, None).conversion.startswith("DICOM ")
            decoded += 1
        assert read_header(path.read_bytes()).rows >= 0
    assert decoded >= DECODED_AT_LEAST


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "6154", "6247", "2392", "17106", "image_dfl.dcm"])
def test_uncompressed(name):
    assert np.array_equal(gray(named(name)), reference(named(name)))


@pytest.mark.parametrize("kind", ["RLE", "jp2klossless", "jpeg_ls_lossless", "bigendian", "expb", "implicit", "padded"])
def test_the_same_picture_in_other_transfer_syntaxes(kind):
    assert np.array_equal(gray(named(f"MR_small_{kind}.dcm")), reference(named("MR_small.dcm")))


def with_syntax(path, syntax, target):
    """Compress a file by GDCM."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(target))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return target.read_bytes()


@pytest.mark.parametrize("name", ["MR_small.dcm", "CT_small.dcm", "examples_overlay.dcm"])
@pytest.mark.parametrize("syntax", ["JPEGLosslessProcess14_1", "JPEGLosslessProcess14", "JPEGLSLossless"])
def test_lossless_jpeg(name, syntax, tmp_path):
    data = with_syntax(named(name), getattr(gdcm.TransferSyntax, syntax), tmp_path / "x.dcm")
    assert np.array_equal(gray(data), reference(named(name)))


@pytest.mark.parametrize(
    "name",
    [
        "SC_rgb_jpeg_gdcm.dcm",
        "SC_rgb_rle.dcm",
        "SC_rgb_rle_16bit_2frame.dcm",
        "SC_rgb_rle_32bit.dcm",
        "SC_rgb_jls_lossy_line.dcm",
        "SC_rgb_jls_lossy_sample.dcm",
        "SC_rgb_dcmtk_+eb+cy+np.dcm",
        "SC_rgb_gdcm_KY.dcm",
        "SC_ybr_full_422_uncompressed.dcm",
        "examples_rgb_color.dcm",
        "examples_ybr_color.dcm",
        "ExplVR_BigEnd.dcm",
    ],
)
def test_colour_is_weighed(name):
    dataset = pydicom.dcmread(named(name))
    colours = dataset.pixel_array
    colours = (colours[0] if colours.ndim == 4 else colours) / (2.0**dataset.BitsStored - 1) * 255
    assert np.abs(gray(named(name)) - colours @ [0.299, 0.587, 0.114]).max() <= 2


def test_a_palette():
    dataset = pydicom.dcmread(named("examples_palette.dcm"))
    tables = [np.frombuffer(dataset[f"{c}PaletteColorLookupTableData"].value, "<u2") for c in ("Red", "Green", "Blue")]
    colours = np.stack(tables, axis=-1)[dataset.pixel_array] / 65535 * 255
    assert np.abs(gray(named("examples_palette.dcm")) - colours @ [0.299, 0.587, 0.114]).max() <= 2


def test_a_signed_picture_coded_as_unsigned():
    path = named("J2K_pixelrep_mismatch.dcm")
    assert np.abs(gray(path) - reference(path)).max() <= 1


def test_windows_agree_with_pydicom():
    dataset = pydicom.dcmread(named("examples_overlay.dcm"))
    values = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    assert np.abs(gray(named("examples_overlay.dcm")) - values / 4095 * 255).max() <= 0.5 + 1e-6


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("JPGExtended.dcm", "12-bit pixels in the transfer syntax JPEG Extended"),
        ("rtplan.dcm", "not an image: DICOM RT Plan Storage"),
        ("reportsi.dcm", "not an image: DICOM Basic Text SR Storage"),
        ("MR_truncated.dcm", "less than expected"),
        ("GDCMJ2K_TextGBR.dcm", "broken data stream"),
        ("JPEG2000-embedded-sequence-delimiter.dcm", "the header says 256 x 1024 x 1, the compressed picture 37224"),
        ("rtdose.dcm", "10 x 10 pixels: smaller"),
    ],
)
def test_files_that_are_refused(name, reason):
    with pytest.raises(UnreadableError, match=reason):
        gray(named(name))


@pytest.mark.parametrize("name", ["SC_rgb_jpeg_gdcm.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_RLE.dcm"])
def test_a_frame_cut_short_is_refused(name):
    dataset = pydicom.dcmread(named(name))
    frame = pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=1)
    dataset.PixelData = pydicom.encaps.encapsulate([frame[: len(frame) // 2]])
    buffer = pydicom.filebase.DicomBytesIO()
    dataset.save_as(buffer)
    with pytest.raises(UnreadableError):
        gray(buffer.getvalue())


def test_a_picture_at_which_gdcm_ends_its_process(tmp_path):
    source = named("SC_ybr_full_422_uncompressed.dcm")
    data = with_syntax(source, gdcm.TransferSyntax.JPEGLosslessProcess14_1, tmp_path / "x.dcm")
    with pytest.raises(UnreadableError, match="the codec crashed"):
        gray(data.replace(b"\xff\xc4\x00", b"\x23\xc4\x00"))
    assert gray(data).shape == (100, 100)  # by another process


def test_no_picture_is_lost_to_a_process_that_ended_before():
    expected = gray(named("SC_rgb_jpeg_gdcm.dcm"))
    gdcm_process._gdcm._process.kill()
    assert np.array_equal(gray(named("SC_rgb_jpeg_gdcm.dcm")), expected)


def test_gdcm_that_hangs_is_ended(monkeypatch):
    expected = gray(named("SC_rgb_jpeg_gdcm.dcm"))
    gdcm_process._gdcm._process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(gdcm_process, "DECODE_LIMIT_S", 0.1)
    with pytest.raises(UnreadableError, match="did not come to an end"):
        gray(named("SC_rgb_jpeg_gdcm.dcm"))
    monkeypatch.undo()
    assert np.array_equal(gray(named("SC_rgb_jpeg_gdcm.dcm")), expected)


@functools.cache
def content(path):
    return path.read_bytes()


def damaged(chance, path):
    data = bytearray(content(path))
    if chance.random() < 0.3:
        return bytes(data[: chance.randrange(len(data))])
    pixels = max(data.find(b"\xe0\x7f\x10\x00"), 132)
    start, end = chance.choice(
        [(132, len(data)), (132, min(pixels + 1, len(data))), (min(pixels, len(data) - 1), None)]
    )
    for _ in range(chance.choice([1, 2, 8])):
        data[chance.randrange(start, end or len(data))] = chance.randrange(256)
    return bytes(data)


def test_any_damage_gives_pixels_or_a_reason(recwarn):
    chance = random.Random(20240607)
    for _ in range(400):
        data = damaged(chance, chance.choice(SMALL))
        with contextlib.suppress(UnreadableError):
            assert decode(data, 16, None).pixels.shape == (16, 16)
        with contextlib.suppress(UnreadableError):
            read_header(data)
    assert not recwarn.list
