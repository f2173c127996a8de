"""Small pictures inside the page: of images that were read, and of what can still be seen of those that were not."""

from __future__ import annotations

import base64
import io
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from thaw.images.decode import DAMAGED, FORMATS
from thaw.images.sources import ImageSource, MemberError, open_source
from thaw.inspection.material import Material

SIDE_PX = 128
JPEG_QUALITY = 82
_pillows_flag = threading.Lock()


def thumbnail_uri(pixels: NDArray[np.uint8]) -> str:
    """Return gray pixels (H, W) as a data URI of a JPEG of at most 128 pixels a side."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((SIDE_PX, SIDE_PX))
    return _uri(picture)


def remains(material: Material, images: Iterable[str]) -> dict[str, str]:
    """Return image → data URI of what can still be decoded of it; images of which nothing can are left out."""
    with open_source(material.source) as source:
        found = {image: _remains_of(source, image) for image in images}
    return {image: uri for image, uri in found.items() if uri}


def _remains_of(source: ImageSource, image: str) -> str | None:
    try:
        data = source.read(image)
        with _tolerant(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            picture.draft("L", (SIDE_PX, SIDE_PX))
            picture.load()
            gray = _gray(picture)
            gray.thumbnail((SIDE_PX, SIDE_PX))
            return _uri(gray)
    # SyntaxError and the like: see DAMAGED; a bomb is no OSError
    except (*DAMAGED, MemberError, Image.DecompressionBombError):
        return None


@contextmanager
def _tolerant() -> Iterator[None]:
    """Let Pillow decode what there is of a truncated file, and put its global flag back."""
    with _pillows_flag:
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def _gray(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.nan_to_num(np.asarray(picture).astype(np.float64), posinf=0, neginf=0)
        span = values.max() - values.min()
        return Image.fromarray(((values - values.min()) / (span or 1) * 255).astype(np.uint8))
    return picture.convert("RGB").convert("L")


def _uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
