"""Images in whatever form a program has them: files, their bytes, Pillow's pictures, arrays; all become bytes."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from thaw.images.decode import DAMAGED, ORIENTATION_TAG, UPRIGHT
from thaw.images.sources.rules import check_size
from thaw.images.unreadable import UnreadableError, one_line

Picture: TypeAlias = str | Path | bytes | Image.Image | NDArray[Any]

AS_THEY_ARE = ("1", "L", "F", "I", "RGB", "CMYK")  # modes that an uncompressed TIFF holds unchanged
ARRAYS = "use uint8 (H, W) or (H, W, 3), or uint16 (H, W)"
_loading = threading.Lock()  # Pillow loads a picture when it is first looked at, which two threads must not do at once


@dataclass(frozen=True)
class Given:
    """An image that is to be read.

    Attributes:
        name: as people know it.
        content: gives the bytes of its file; raises UnreadableError, MemberError or OSError where it cannot.
        only_dicom: whether it is passed over, without a word, where the bytes are no DICOM file.
    """

    name: str
    content: Callable[[], bytes]
    only_dicom: bool = False


def given_images(images: Picture | Iterable[Picture]) -> Iterator[Given]:
    """Every image with its name: its path, or the place where it stands, from 0.

    Args:
        images: one image or several. An array (H, W), or (H, W, 3) with colours last, is one image, (n, H, W) are n.
    """
    several = cast("Iterable[Picture]", [images] if _is_one(images) else images)
    for place, image in enumerate(several):
        yield _given(image, place)


def file_bytes(path: Path) -> bytes:
    """The bytes of a file; raises UnreadableError where there is none, MemberError where it is over 512 MiB."""
    try:
        if not path.is_file():
            raise UnreadableError("a folder, no file" if path.is_dir() else "no such file")
        check_size(path.stat().st_size)
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror})") from error


def _is_one(images: Any) -> bool:
    if isinstance(images, np.ndarray):
        return images.ndim == 2 or (images.ndim == 3 and images.shape[-1] == 3)
    return isinstance(images, str | Path | bytes | Image.Image)


def _given(image: Any, place: int) -> Given:
    if isinstance(image, str | Path):
        return Given(printable(image), partial(file_bytes, Path(image)))
    name = f"image {place}"
    if isinstance(image, bytes):
        return Given(name, lambda: image)
    if isinstance(image, Image.Image):
        return Given(printable(getattr(image, "filename", "")) or name, partial(_picture_bytes, image))
    if isinstance(image, np.ndarray):
        return Given(name, partial(_array_bytes, image))
    kinds = "a path, the bytes of a file, a picture of Pillow or an array of NumPy"
    raise TypeError(f"{name} is {type(image).__name__}, not {kinds}")


def printable(path: object) -> str:
    """A path as text that can be written, also where the file's name is not UTF-8."""
    return str(path).encode(errors="replace").decode()


def _array_bytes(array: NDArray[Any]) -> bytes:
    is_gray = array.ndim == 2 and array.dtype in (np.uint8, np.uint16)
    if not is_gray and not (array.ndim == 3 and array.shape[-1] == 3 and array.dtype == np.uint8):
        raise UnreadableError(f"an array of {array.dtype} {array.shape}; {ARRAYS}")
    if not array.size:
        raise UnreadableError("an array without pixels")
    return _tiff(Image.fromarray(array))


def _picture_bytes(picture: Image.Image) -> bytes:
    try:
        with _loading:
            picture.load()
            upright = _upright(picture)
        return _tiff(_plain(upright))
    except DAMAGED as error:
        raise UnreadableError(f"damaged or truncated: {one_line(error)}") from error


def _upright(picture: Image.Image) -> Image.Image:
    """A copy, turned as ``decode`` turns a file."""
    try:
        turn = UPRIGHT.get(int(picture.getexif().get(ORIENTATION_TAG, 1)))
    except DAMAGED:
        turn = None
    return picture.copy() if turn is None else picture.transpose(turn)


def _plain(picture: Image.Image) -> Image.Image:
    """The same in a mode that a TIFF can hold, by the steps that ``decode`` takes from there on anyway."""
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    if picture.mode in AS_THEY_ARE or picture.mode.startswith("I;16"):
        return picture
    return picture.convert("RGB")


def _tiff(picture: Image.Image) -> bytes:
    """Without compression: no value changes, and it takes no longer than to copy them."""
    buffer = io.BytesIO()
    picture.save(buffer, "TIFF", compression="raw")  # else a picture keeps what it was read with, such as JPEG
    return buffer.getvalue()
