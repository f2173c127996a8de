"""Boxes around findings, from pixels of the distributed picture to fractions of the square that a network sees."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def boxes_by_image(table: pd.DataFrame, size_px: int, crop_from: int | None) -> dict[tuple[str, str], Numbers]:
    """The boxes of every image and class, as ``thaw.images.decode.decode`` shows the picture.

    Without ``crop_from`` the whole picture is squeezed into the square; with it the square is the middle of the
    picture, ``size_px / crop_from`` times its shorter side.

    Args:
        table: ``data/boxes.csv``: ``image``, ``class``, ``left``, ``top``, ``width``, ``height`` and ``picture_width``,
            ``picture_height``, in pixels.
        size_px: side of the square, ``preprocess.size``.
        crop_from: ``preprocess.crop_from``, at least ``size_px``; None: nothing is cropped.

    Returns:
        (image, class) → (k, 4) left, top, width and height, from 0 to 1 of the square. Boxes beyond the square are left
        out, those partly beyond it are cut.
    """
    picture = table[["picture_width", "picture_height"]].to_numpy(np.float64)
    seen = picture
    if crop_from is not None:
        seen = np.repeat(picture.min(axis=1, keepdims=True) * size_px / crop_from, 2, axis=1)
    first = table[["left", "top"]].to_numpy(np.float64)
    last = first + table[["width", "height"]].to_numpy(np.float64)
    corner = (picture - seen) / 2
    begin, end = (np.clip((edge - corner) / seen, 0, 1) for edge in (first, last))
    found: dict[tuple[str, str], list[Numbers]] = {}
    for image, name, upper, lower in zip(table["image"], table["class"], begin, end, strict=True):
        if (lower > upper).all():
            found.setdefault((str(image), str(name)), []).append(np.concatenate([upper, lower - upper]))
    return {key: np.stack(boxes) for key, boxes in found.items()}
