from __future__ import annotations

import io

import numpy as np
import pytest
from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    RTPlanStorage,
)

from thaw.images import dicom
from thaw.images.decode import decode
from thaw.images.unreadable import UnreadableError

STEPS = (np.arange(256, dtype=np.uint16) * 16).reshape(16, 16)  # 12 bits: 0, 16, ... 4080


def encoded(dataset, syntax=ExplicitVRLittleEndian, kind=DigitalXRayImageStorageForPresentation):
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = syntax, kind, "1.2.3"
    little = syntax != ExplicitVRBigEndian
    file = FileDataset("", dataset, b"\0" * 128, meta, is_implicit_VR=False, is_little_endian=little)
    file.SOPClassUID, file.SOPInstanceUID = kind, "1.2.3"
    buffer = io.BytesIO()
    file.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def xray(stored=STEPS, bits=12, **attributes):
    dataset = Dataset()
    dataset.Rows, dataset.Columns = stored.shape[:2]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = stored.dtype.itemsize * 8
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.PixelData = stored.tobytes()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def shown(dataset, **options):
    decoded = decode(encoded(dataset, **options), 16, None)
    return decoded.pixels, decoded.conversion


def linear(values, center, width):
    """PS3.3, C.11.2.1.2.1, to 0..255."""
    return np.rint(np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1) * 255).astype(np.uint8)


def stretched(values):
    low, high = values.min(), values.max()
    return np.rint((values.astype(float) - low) / (high - low) * 255).astype(np.uint8)


def test_a_window_is_linear_to_the_digit():
    pixels, conversion = shown(xray(WindowCenter=2048, WindowWidth=1024))
    assert np.array_equal(pixels, linear(STEPS.astype(float), 2048, 1024))
    assert conversion == "DICOM MONOCHROME2, window 2048/1024, 12-bit"


def test_monochrome1_is_the_negative():
    positive, _ = shown(xray(WindowCenter=2048, WindowWidth=4096))
    pixels, conversion = shown(xray(PhotometricInterpretation="MONOCHROME1", WindowCenter=2048, WindowWidth=4096))
    assert np.array_equal(pixels, 255 - positive)
    assert conversion == "DICOM MONOCHROME1 inverted, window 2048/4096, 12-bit"
    again = xray(PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE")
    again.WindowCenter, again.WindowWidth = 2048, 4096
    assert np.array_equal(shown(again)[0], pixels)


def test_other_window_functions():
    values = STEPS.astype(float)
    pixels, conversion = shown(xray(WindowCenter=1000, WindowWidth=400, VOILUTFunction="LINEAR_EXACT"))
    assert np.array_equal(pixels, np.rint(np.clip((values - 1000) / 400 + 0.5, 0, 1) * 255))
    assert conversion == "DICOM MONOCHROME2, window 1000/400 LINEAR_EXACT, 12-bit"
    pixels, conversion = shown(xray(WindowCenter=1000, WindowWidth=400, VOILUTFunction="SIGMOID"))
    assert np.array_equal(pixels, np.rint(255 / (1 + np.exp(-4 * (values - 1000) / 400))))
    assert "SIGMOID" in conversion


def test_the_first_of_several_windows():
    pixels, _ = shown(xray(WindowCenter=[600, 2048], WindowWidth=[200, 4096]))
    assert np.array_equal(pixels, linear(STEPS.astype(float), 600, 200))


@pytest.mark.parametrize(("center", "width"), [(0, 0), (100, 0.5), (2048, -5), (None, 100), (100, None)])
def test_without_a_usable_window_the_full_range_is_shown(center, width):
    pixels, conversion = shown(xray(WindowCenter=center, WindowWidth=width))
    assert np.array_equal(pixels, stretched(STEPS))
    assert conversion == "DICOM MONOCHROME2, full range, 12-bit"


def test_the_window_is_in_rescaled_units():
    signed = (STEPS.astype(int) - 2048).astype(np.int16)
    pixels, _ = shown(xray(signed, RescaleSlope=2, RescaleIntercept=-1024, WindowCenter=-500, WindowWidth=3000))
    assert np.array_equal(pixels, linear(signed * 2.0 - 1024, -500, 3000))
    pixels, _ = shown(xray(RescaleSlope=-1, RescaleIntercept=4095))
    assert np.array_equal(pixels, 255 - stretched(STEPS))


def test_only_stored_bits_count():
    with_junk = STEPS | np.uint16(0xA000)
    assert np.array_equal(shown(xray(with_junk))[0], stretched(STEPS))
    high = (STEPS << 4) | np.uint16(5)
    assert np.array_equal(shown(xray(high, HighBit=15))[0], stretched(STEPS))
    wide = STEPS.astype(np.uint32) * 1_000_000
    assert np.array_equal(shown(xray(wide, bits=32))[0], stretched(wide))


def test_padding_is_black_and_outside_the_range():
    padded = STEPS.copy()
    padded[0, :] = 65535
    pixels, conversion = shown(xray(padded, bits=16, PixelPaddingValue=65535))
    assert (pixels[0] == 0).all()
    assert np.array_equal(pixels[1:], stretched(STEPS[1:]))
    assert conversion == "DICOM MONOCHROME2, full range, padding black, 16-bit"
    pixels, _ = shown(xray(padded, bits=16, PixelPaddingValue=65535, PhotometricInterpretation="MONOCHROME1"))
    assert (pixels[0] == 0).all()
    assert np.array_equal(pixels[1:], 255 - stretched(STEPS[1:]))


def test_a_range_of_padding_and_padding_of_the_other_sign():
    signed = (STEPS.astype(int) - 2048).astype(np.int16)
    signed[0, :8], signed[0, 8:] = -3000, -2900
    pixels, _ = shown(xray(signed, bits=16, PixelPaddingValue=-3000, PixelPaddingRangeLimit=-2900))
    assert (pixels[0] == 0).all()
    assert np.array_equal(pixels[1:], stretched(signed[1:]))
    signed[0] = -2000
    unsigned = xray(signed, bits=16)
    unsigned.add_new("PixelPaddingValue", "US", 63536)
    assert np.array_equal(shown(unsigned)[0][1:], stretched(signed[1:]))


def table(entries, first, bits):
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, bits])
    item.add_new("LUTData", "OW" if bits == 16 else "US", entries)
    return [item]


def test_a_voi_lut_goes_before_a_window():
    entries = (np.arange(4096) ** 2 // 4096).tolist()
    dataset = xray(VOILUTSequence=table(entries, 0, 12), WindowCenter=2048, WindowWidth=10)
    pixels, conversion = shown(dataset)
    assert np.array_equal(pixels, np.rint((STEPS.astype(int) ** 2 // 4096) * (255 / 4095)))
    assert conversion == "DICOM MONOCHROME2, VOI LUT, 12-bit"


def test_a_voi_lut_of_8_bit_entries_is_clipped_not_wrapped():
    entries = list(range(256)) * 4
    pixels, _ = shown(xray(VOILUTSequence=table(entries, 1000, 8)))
    expected = np.array(entries)[np.clip(STEPS.astype(int) - 1000, 0, 1023)]
    assert np.array_equal(pixels, expected)


def test_a_modality_lut_is_applied_first():
    entries = np.arange(4096, dtype="<u2")[::-1]
    dataset = xray(ModalityLUTSequence=table(entries.tobytes(), 0, 16), WindowCenter=1000, WindowWidth=500)
    dataset.ModalityLUTSequence[0]["LUTDescriptor"].value[0] = 4096
    assert np.array_equal(shown(dataset)[0], linear(4095.0 - STEPS, 1000, 500))


def test_big_endian():
    entries = np.arange(4096, dtype=">u2")[::-1]
    dataset = xray(PixelData=STEPS.astype(">u2").tobytes(), ModalityLUTSequence=table(entries.tobytes(), 0, 16))
    dataset["PixelData"].VR = "OW"
    dataset.ModalityLUTSequence[0]["LUTDescriptor"].value[0] = 4096
    assert np.array_equal(shown(dataset, syntax=ExplicitVRBigEndian)[0], 255 - stretched(STEPS))


def test_a_short_lookup_table_is_damaged():
    dataset = xray(VOILUTSequence=table([1, 2, 3], 0, 12))
    dataset.VOILUTSequence[0]["LUTDescriptor"].value[0] = 4096
    with pytest.raises(UnreadableError, match="a lookup table of 4096 entries has 3"):
        shown(dataset)


def test_deep_colour_is_weighed():
    colours = np.dstack([STEPS, STEPS[::-1], STEPS.T])
    pixels, conversion = shown(xray(colours, SamplesPerPixel=3, PlanarConfiguration=0, PhotometricInterpretation="RGB"))
    expected = colours / 4095 * 255 @ [0.299, 0.587, 0.114]
    assert np.abs(pixels - expected).max() <= 1
    assert conversion == "DICOM RGB to gray, 12-bit"


def test_the_first_frame_of_several():
    frames = np.stack([STEPS, STEPS.T])
    dataset = xray(NumberOfFrames=2)
    dataset.PixelData = frames.tobytes()
    pixels, conversion = shown(dataset)
    assert np.array_equal(pixels, stretched(STEPS))
    assert conversion == "DICOM MONOCHROME2, full range, 12-bit, first of 2 frames"


def test_a_deflated_bomb_is_refused(monkeypatch):
    data = encoded(xray(), syntax=DeflatedExplicitVRLittleEndian)
    assert np.array_equal(decode(data, 16, None).pixels, stretched(STEPS))
    monkeypatch.setattr(dicom, "INFLATED_LIMIT_BYTES", 500)
    monkeypatch.setattr(dicom, "dcmread", None)
    with pytest.raises(UnreadableError, match="inflates to more than 500 bytes"):
        decode(data, 16, None)


WRONG_SYNTAX = "no installed codec reads 12-bit pixels in the transfer syntax"


@pytest.mark.parametrize(
    ("dataset", "options", "reason"),
    [
        (xray(STEPS[:15]), {}, "16 x 15 pixels: smaller than 16 on a side"),
        (xray(Rows=60_000, Columns=60_000), {}, "too many pixels: 60000 x 60000 x 1 frames"),
        (xray(NumberOfFrames=2_000_000_000), {}, "too many pixels: 16 x 16 x 2000000000"),
        (xray(Rows=1000), {}, "less than expected"),
        (xray(np.full_like(STEPS, 7)), {}, "constant picture: every pixel is 7"),
        (xray(np.full_like(STEPS, 7), PixelPaddingValue=7), {}, "no pixel that is finite and no padding"),
        (xray(PhotometricInterpretation="HSV"), {}, "photometric interpretation HSV cannot be converted"),
        (xray(SamplesPerPixel=3, PlanarConfiguration=0), {}, "damaged or truncated DICOM"),
        (
            xray(PixelData=b"\xfe\xff\0\xe0\0\0\0\0"),
            {"syntax": "1.2.840.10008.1.2.4.100"},
            f"{WRONG_SYNTAX} MPEG2 Main",
        ),
        (xray(PixelData=b"\xfe\xff\0\xe0\0\0\0\0"), {"syntax": "1.2.840.10008.1.2.4.201"}, f"{WRONG_SYNTAX} High-Thr"),
        (xray(PixelData=b"\xfe\xff\0\xe0\0\0\0\0"), {"syntax": "1.2.840.10008.1.2.4.51"}, f"{WRONG_SYNTAX} JPEG Ext"),
        (Dataset(), {"kind": RTPlanStorage}, "not an image: DICOM RT Plan Storage without pixel data"),
    ],
)
def test_unusable_files_have_a_reason(dataset, options, reason):
    if "syntax" in options:
        dataset["PixelData"].is_undefined_length = True
    with pytest.raises(UnreadableError, match=reason):
        shown(dataset, **options)


def test_a_file_cut_short_is_refused():
    data = encoded(xray())
    for length in range(132, len(data), 37):
        with pytest.raises(UnreadableError):
            decode(data[:length], 16, None)
    with pytest.raises(UnreadableError, match="not a picture of a known format"):
        decode(data[132:], 16, None)
