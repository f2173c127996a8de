"""From a picture file's bytes to a square of gray pixels, or a reason why not."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from thaw.images.dicom import dicom_to_gray, is_dicom
from thaw.images.unreadable import UnreadableError as UnreadableError  # also for those who import decode
from thaw.images.unreadable import check_sides

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP")  # not all that Pillow knows: EPS would start Ghostscript
# what Pillow's decoders raise on hostile bytes, besides their own OSError
DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    TypeError,
    LookupError,
    ArithmeticError,
    struct.error,
    zlib.error,
)
ORIENTATION_TAG = 0x0112  # Exif 2.3, section 4.6.4
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Decoded:
    """Gray pixels, uint8 ``(size_px, size_px)``, and what had to be converted on the way (None: nothing)."""

    pixels: NDArray[np.uint8]
    conversion: str | None


def decode(data: bytes, size_px: int, crop_from_px: int | None) -> Decoded:
    """Decode a picture to ``size_px`` x ``size_px`` gray pixels.

    With ``crop_from_px=None`` the whole picture is resized to the square. Else its shorter side becomes
    ``crop_from_px`` (aspect kept) and the centre is cropped; ``crop_from_px`` is at least ``size_px``.

    Bicubic, antialiased by Pillow (the filter widens with the reduction): what timm's EfficientNet weights were
    trained with, less ringing at burnt-in markers than Lanczos, and a third fewer taps. No JPEG draft mode and no
    reducing gap: both trade exactness for speed.

    16-bit, 32-bit and float gray is stretched from the picture's own smallest..largest value to 0..255: such files
    mostly hold 10 to 14 significant bits, which their full range would turn black. Transparency is laid over black.
    Only the first frame of several is read. A DICOM file is shown by its own window (see ``thaw.images.dicom``).

    Raises:
        UnreadableError: empty, no picture, damaged, truncated, under 16 pixels on a side, over Pillow's limit against
            decompression bombs (179 megapixels), one constant value, or a DICOM file that is no image or in a transfer
            syntax that no codec here reads.
    """
    gray, conversion = dicom_to_gray(data) if is_dicom(data) else _picture_to_gray(data)
    pixels = _resized(gray, size_px, crop_from_px)
    # the small picture is searched first: of a constant one it is constant too
    if pixels.min() == pixels.max():
        darkest, brightest = gray.getextrema()
        if darkest == brightest:
            raise UnreadableError(f"constant picture: every pixel is {darkest}")
    return Decoded(pixels, conversion)


def _picture_to_gray(data: bytes) -> tuple[Image.Image, str | None]:
    picture = _opened(data)
    notes = []
    turn = UPRIGHT.get(_orientation(picture))
    if turn is not None:
        picture = picture.transpose(turn)
        notes.append("rotated by EXIF")
    try:
        gray, note = _to_gray(picture)
    except ValueError as error:
        raise UnreadableError(f"colour mode {picture.mode} cannot be converted: {error}") from error
    if note:
        notes.append(note)
    return gray, "; ".join(notes) or None


def _opened(data: bytes) -> Image.Image:
    if not data:
        raise UnreadableError("empty file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a large picture, odd metadata: judged below by what is decoded
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            check_sides(*picture.size)
            if picture.format == "PNG":
                # Pillow checks no checksum of PNG pixels while loading; verify() does, and spends the picture
                picture.verify()
                picture = Image.open(io.BytesIO(data), formats=FORMATS)
            picture.load()
    except UnidentifiedImageError as error:
        raise UnreadableError(f"not a picture of a known format ({', '.join((*FORMATS, 'DICOM'))})") from error
    except Image.DecompressionBombError as error:
        raise UnreadableError(f"too many pixels: {error}") from error
    except DAMAGED as error:
        raise UnreadableError(f"damaged or truncated: {error}") from error
    return picture


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(ORIENTATION_TAG, 1))
    except DAMAGED:
        return 1  # broken metadata in a sound picture: shown as it is stored


def _to_gray(picture: Image.Image) -> tuple[Image.Image, str | None]:
    """Return the picture in mode L and what was done to it."""
    if picture.mode.startswith("I;16"):
        return _stretched(picture, "16-bit")
    if picture.mode in ("I", "F"):
        return _stretched(picture, "32-bit integer" if picture.mode == "I" else "float")
    if picture.has_transparency_data:
        colours = picture.convert("RGBA")
        black = Image.new("RGBA", colours.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, colours).convert("L"), f"{picture.mode} with transparency over black"
    if picture.mode == "L":
        return picture, None
    if picture.mode == "RGB":
        red, green, blue = picture.split()
        # three equal channels are gray stored as colour: nothing is lost, nothing to report
        if red.tobytes() == green.tobytes() == blue.tobytes():
            return red, None
    name = {"1": "1-bit", "P": "palette", "RGB": "colour"}.get(picture.mode, picture.mode)
    # by way of RGB: the weights of ITU-R 601-2 apply to it alone
    return picture.convert("RGB").convert("L"), f"{name} to gray"


def _stretched(picture: Image.Image, depth: str) -> tuple[Image.Image, str]:
    values = np.asarray(picture).astype(np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        raise UnreadableError("no finite pixel")
    low, high = values[finite].min(), values[finite].max()
    if low == high:
        raise UnreadableError(f"constant picture: every pixel is {low:g}")
    values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    # halved first: the span of extreme floats would overflow
    scaled = (values / 2 - low / 2) / (high / 2 - low / 2) * 255
    return Image.fromarray(np.rint(scaled).astype(np.uint8)), f"{depth} scaled to 8-bit"


def _resized(gray: Image.Image, size_px: int, crop_from_px: int | None) -> NDArray[np.uint8]:
    width, height = gray.size
    box = (0.0, 0.0, float(width), float(height))
    if crop_from_px is not None:
        # the source area under the crop, resized directly: a very long picture never becomes a huge one
        side = min(width, height) * size_px / crop_from_px
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, min(left + side, width), min(top + side, height))
    return np.array(gray.resize((size_px, size_px), Image.Resampling.BICUBIC, box=box))
