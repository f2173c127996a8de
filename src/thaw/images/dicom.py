"""DICOM files: what their header says of the patient and the picture, and their first frame as gray pixels."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, FileDataset, dcmread
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import DeflatedExplicitVRLittleEndian

from thaw.images.dicom_frame import check_picture, first_frame
from thaw.images.dicom_gray import colour_to_gray, first_number, monochrome_to_gray
from thaw.images.unreadable import UnreadableError, one_line

PREAMBLE_BYTES = 128
INFLATED_LIMIT_BYTES = 512 * 1024**2  # as the source's limit for a member of an archive
HEADER_KEYWORDS = (
    *("PatientID", "ViewPosition", "PatientSex", "PatientAge"),
    *("Modality", "PhotometricInterpretation", "Rows", "Columns"),
)
AGE = re.compile(r"(\d{1,3})([DWMY]?)")  # PS3.5, section 6.2: 058Y; some public sets leave the unit out
UNITS_A_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12, "Y": 1, "": 1}


@dataclass(frozen=True)
class Header:
    """What a table of images needs; text is "" and ``age_years`` None where the file does not say."""

    patient_id: str
    view: str
    sex: str
    age_years: int | None
    modality: str
    photometric: str
    rows: int
    columns: int


def is_dicom(data: bytes) -> bool:
    """Return whether ``data`` is a DICOM file: ``DICM`` after 128 bytes (PS3.10, section 7.1).

    Bare data sets without that preamble, as ACR-NEMA machines wrote, are no DICOM files, whatever their name: nothing
    tells them from any other bytes, and public X-ray sets have none.
    """
    return data[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] == b"DICM"


def read_header(data: bytes) -> Header:
    """Read the attributes of a DICOM file; its first part is enough where it reaches to the pixels.

    A deflated file (rare) must be whole. ``view`` is the View Position (PA, AP, LL, ...), ``sex`` M or F,
    ``age_years`` in whole years.

    Raises:
        UnreadableError: No DICOM file, or damaged.
    """
    with _reasons():
        header = _read(data, stop_before_pixels=True, specific_tags=list(HEADER_KEYWORDS))
        sex = _text(header, "PatientSex").upper()
        return Header(
            patient_id=_text(header, "PatientID"),
            view=_text(header, "ViewPosition").upper(),
            sex=sex if sex in ("M", "F") else "",
            age_years=_age_years(_text(header, "PatientAge")),
            modality=_text(header, "Modality").upper(),
            photometric=_text(header, "PhotometricInterpretation").upper(),
            rows=int(first_number(header, "Rows") or 0),
            columns=int(first_number(header, "Columns") or 0),
        )


def dicom_to_gray(data: bytes) -> tuple[Image.Image, str]:
    """Decode the first frame of a DICOM file, in mode L, as a viewer would show it.

    MONOCHROME1 is inverted. Presentation LUT Shape adds nothing: for a single picture PS3.3 (C.8.11.3.1.2) ties INVERSE
    to MONOCHROME1 and IDENTITY to MONOCHROME2, so it would invert a second time. Overlays are not drawn.

    Returns:
        The picture, and what was done in a few words.

    Raises:
        UnreadableError: No picture, damaged, truncated, under 16 pixels on a side, over Pillow's limit against
            decompression bombs over all frames, of one constant value, or in a transfer syntax no codec here reads.
    """
    with _reasons():
        dataset = _read(data)
        frames = check_picture(dataset)
        stored, photometric = first_frame(dataset, frames)
        if photometric in ("MONOCHROME1", "MONOCHROME2"):
            if stored.ndim != 2:
                raise UnreadableError(f"damaged DICOM: {photometric} with several samples per pixel")
            inverted = photometric == "MONOCHROME1"
            gray, notes = monochrome_to_gray(stored, dataset, inverted)
            notes = [f"DICOM {photometric}{' inverted' if inverted else ''}", *notes]
        else:
            gray = _colours_to_gray(stored, photometric, dataset)
            notes = [f"DICOM {dataset.PhotometricInterpretation} to gray"]
        notes.append(f"{dataset.BitsStored}-bit" if "BitsStored" in dataset else "float")
        if frames > 1:
            notes.append(f"first of {frames} frames")
        return Image.fromarray(gray), ", ".join(notes)


@contextmanager
def _reasons() -> Iterator[None]:
    """Turn whatever hostile bytes make the libraries raise into an UnreadableError of one line."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # odd metadata: judged by what is decoded
            yield
    except UnreadableError:
        raise
    except Exception as error:  # attributes are parsed when they are asked for: almost anything can be raised anywhere
        raise UnreadableError(f"damaged or truncated DICOM: {one_line(error)}") from error


def _read(data: bytes, **options: Any) -> FileDataset:
    if not is_dicom(data):
        raise UnreadableError("not a DICOM file")
    _check_inflated(data)
    return dcmread(io.BytesIO(data), **options)


def _check_inflated(data: bytes) -> None:
    """Refuse a deflated file that would fill the memory: pydicom inflates it whole, whatever comes out."""
    meta = PREAMBLE_BYTES + 4
    if DeflatedExplicitVRLittleEndian.encode() not in data[meta : meta + 4096]:
        return
    # the first element is the length of the others in its group (PS3.10, section 7.1)
    (length,) = struct.unpack("<I", data[meta + 8 : meta + 12])
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflater.decompress(data[meta + 12 + length :], INFLATED_LIMIT_BYTES)
    if inflater.unconsumed_tail:
        raise UnreadableError(f"inflates to more than {INFLATED_LIMIT_BYTES:,} bytes")


def _colours_to_gray(stored: NDArray[Any], photometric: str, dataset: Dataset) -> NDArray[np.uint8]:
    bits = int(dataset.BitsStored)
    if photometric == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)[..., :3]
        bits = stored.dtype.itemsize * 8
    elif photometric != "RGB" or stored.ndim != 3:
        raise UnreadableError(f"the DICOM photometric interpretation {one_line(photometric)} cannot be converted")
    return colour_to_gray(stored, bits)


def _text(header: Dataset, keyword: str) -> str:
    value = header.get(keyword)
    return "" if value is None else str(value).strip()


def _age_years(age: str) -> int | None:
    match = AGE.fullmatch(age.upper())
    return int(int(match[1]) / UNITS_A_YEAR[match[2]]) if match else None
