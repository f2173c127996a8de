"""The first frame of a DICOM data set as stored values: what is refused before a codec sees it, and the codecs."""

from __future__ import annotations

import contextlib
import struct
from typing import Any, NamedTuple

from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, FileDataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, JPEGExtended12Bit, RLELossless

from thaw.images.dicom_gray import first_number
from thaw.images.gdcm_process import decode_with_gdcm
from thaw.images.unreadable import UnreadableError, check_sides, one_line

PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
# markers of ITU-T T.81 (JPEG), T.87 (JPEG-LS) and T.800 (JPEG 2000) that begin a description of the frame
START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
END_OF_IMAGE = b"\xff\xd9"  # of all three
JPEG_2000_SIZE = b"\xff\x4f\xff\x51"
# the names that pydicom's decoder has for attributes
NUMBERS = {
    "rows": "Rows",
    "columns": "Columns",
    "samples_per_pixel": "SamplesPerPixel",
    "planar_configuration": "PlanarConfiguration",
    "bits_allocated": "BitsAllocated",
    "bits_stored": "BitsStored",
    "pixel_representation": "PixelRepresentation",
}


class Coded(NamedTuple):
    """What a compressed frame says of itself; ``bits`` of a sample, ``samples`` of a pixel."""

    width: int
    height: int
    samples: int
    bits: int


def check_picture(dataset: FileDataset) -> int:
    """Return the number of frames of a picture that may be decoded; raise UnreadableError for any other data set."""
    if not any(keyword in dataset for keyword in PIXEL_KEYWORDS):
        if "Rows" in dataset:
            raise UnreadableError("damaged or truncated DICOM: no pixel data")
        kind = UID(str(dataset.file_meta.get("MediaStorageSOPClassUID", "")))
        raise UnreadableError(f"not an image: DICOM {_words(kind) or 'of an unnamed kind'} without pixel data")
    rows, columns = _whole(dataset, "Rows"), _whole(dataset, "Columns")
    check_sides(columns, rows)
    frames = max(1, _whole(dataset, "NumberOfFrames"))
    limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # where Pillow, too, refuses
    if rows * columns * frames > limit:
        raise UnreadableError(f"too many pixels: {columns} x {rows} x {frames} frames exceed {limit}")
    return frames


def first_frame(dataset: FileDataset, frames: int) -> tuple[NDArray[Any], str]:
    """Decode the first frame.

    Pillow decodes JPEG and JPEG 2000, and refuses a truncated one; GDCM what Pillow cannot, which is JPEG Lossless,
    JPEG-LS and deep JPEG 2000.

    Returns:
        Stored values ``(rows, columns[, samples])``, and the photometric interpretation that they have now.

    Raises:
        UnreadableError: No codec here reads the transfer syntax, or the frame contradicts the header.
    """
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        raise UnreadableError("damaged DICOM: no transfer syntax")
    codecs = _codecs(syntax, _whole(dataset, "BitsStored"))
    if not syntax.is_encapsulated:
        return _uncompressed(dataset)
    if syntax == RLELossless:
        return _decoded(dataset, "pydicom")
    frame = get_frame(dataset.PixelData, 0, number_of_frames=frames)
    coded = _coded(frame)
    if coded is None:
        raise UnreadableError("damaged DICOM: the compressed picture does not say its size")
    _check_coded(coded, dataset)
    if "pillow" in codecs and (coded.bits <= 8 or (coded.bits <= 16 and coded.samples == 1)):
        return _decoded(dataset, "pillow")
    if END_OF_IMAGE not in frame[-16:]:  # blanks may follow; GDCM would make up what is missing
        raise UnreadableError("damaged or truncated DICOM: the compressed picture has no end")
    options = {name: _whole(dataset, keyword) for name, keyword in NUMBERS.items()}
    texts = {"photometric_interpretation": str(dataset.PhotometricInterpretation), "pixel_keyword": "PixelData"}
    return decode_with_gdcm(syntax, frame, {**options, **texts, "number_of_frames": 1})


def _uncompressed(dataset: FileDataset) -> tuple[NDArray[Any], str]:
    bits = _whole(dataset, "BitsStored")
    # pydicom takes the stored bits to be the lowest ones; PS3.5 (section 8.1.1) once allowed others
    low_bits = max(0, _whole(dataset, "HighBit") + 1 - bits) if "PixelData" in dataset else 0
    if not low_bits:
        return _decoded(dataset, "")
    stored, photometric = _decoded(dataset, "", bits_stored=bits + low_bits)
    return stored >> low_bits, photometric


def _decoded(dataset: FileDataset, codec: str, **options: Any) -> tuple[NDArray[Any], str]:
    decoder = get_decoder(dataset.file_meta.TransferSyntaxUID)
    stored, properties = decoder.as_array(dataset, index=0, decoding_plugin=codec, **options)
    return stored, str(properties["photometric_interpretation"])


def _codecs(syntax: UID, bits: int) -> tuple[str, ...]:
    """Return the names of the libraries that decode ``syntax``; none is needed for uncompressed pixels."""
    with contextlib.suppress(NotImplementedError):
        decoder = get_decoder(syntax)
        # JPEG Extended has 8 or 12 bits; the libraries are built for 8
        if decoder.is_available and (syntax != JPEGExtended12Bit or bits == 8):
            return decoder.available_plugins
    raise UnreadableError(f"no installed codec reads {bits}-bit pixels in the transfer syntax {_words(syntax)}")


def _check_coded(coded: Coded, dataset: Dataset) -> None:
    """Refuse a compressed frame that contradicts the header.

    It could unfold to more pixels than the header was checked for, and GDCM relies on the bits.
    """
    said = (_whole(dataset, "Columns"), _whole(dataset, "Rows"), _whole(dataset, "SamplesPerPixel"))
    if coded[:3] != said:
        sizes = (" x ".join(map(str, size)) for size in (said, coded[:3]))
        raise UnreadableError("damaged DICOM: the header says {}, the compressed picture {}".format(*sizes))
    allocated, stored = _whole(dataset, "BitsAllocated"), _whole(dataset, "BitsStored")
    if allocated not in (8, 16, 32) or not 1 <= stored == _whole(dataset, "HighBit") + 1 <= allocated:
        raise UnreadableError(f"damaged DICOM: {stored} bits stored in {allocated} allocated")
    if coded.bits > allocated:
        raise UnreadableError(f"damaged DICOM: the header allocates {allocated} bits, the picture has {coded.bits}")


def _coded(frame: bytes) -> Coded | None:
    """Read the beginning of a JPEG, JPEG-LS or JPEG 2000 frame."""
    if not frame.startswith(b"\xff\xd8"):
        at = frame.find(JPEG_2000_SIZE)
        if at < 0 or len(frame) < at + 43:
            return None
        right, bottom, left, top = struct.unpack(">4I", frame[at + 8 : at + 24])
        samples, bits = struct.unpack(">HB", frame[at + 40 : at + 43])
        return Coded(right - left, bottom - top, samples, (bits & 0x7F) + 1)
    at = 2
    while at + 10 <= len(frame):
        marker, length, bits, height, width, samples = struct.unpack(">xBHBHHB", frame[at : at + 10])
        if marker in START_OF_FRAME:
            return Coded(width, height, samples, bits)
        at += 1 if marker == 0xFF else 2 + length  # any number of fill bytes may stand before a marker
    return None


def _words(uid: UID) -> str:
    """Return a registered identifier's name, an unknown one as it is."""
    return one_line(uid.name) if uid else ""


def _whole(dataset: Dataset, keyword: str) -> int:
    return int(first_number(dataset, keyword) or 0)
