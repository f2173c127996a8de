"""From the files of a set of images to one array, its index, and the list of what could not be read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from thaw.files import write_csv
from thaw.images.headers import original_names
from thaw.images.store import build_store, check_losses
from thaw.params.dataset import PreprocessParams


def decode_set(
    images: pd.Series[str], source: Path, params: PreprocessParams, pixels: Path, rows: Path, quality: Path
) -> None:  # fmt: skip
    """Decode every image once.

    Args:
        images: as the table of labels names them.
        source: folder or archive that holds them.
        params: size, crop, and how many may be lost.
        pixels: becomes the array, uint8 (images, size, size).
        rows: becomes the table ``row, image``: which row of the array holds which image, without the quarantined ones.
        quality: becomes the table ``image, action, reason`` of images that were quarantined or converted.

    Raises:
        UserError: more images than ``params.max_quarantined`` allows cannot be read; ``quality`` is written by then.
    """
    files = original_names(source, list(images))
    found = build_store(source, list(files.values()), params.size, params.crop_from, pixels)
    found["image"] = found["image"].map({file: image for image, file in files.items()})
    write_csv(quality, found)
    check_losses(found, len(images), params.max_quarantined, quality)
    write_csv(rows, readable_rows(images, found))


def readable_rows(images: pd.Series[str], quality: pd.DataFrame) -> pd.DataFrame:
    """Which row of the array holds which image, without the quarantined ones."""
    rows = pd.DataFrame({"row": range(len(images)), "image": images})
    lost = quality.loc[quality["action"] == "quarantined", "image"]
    return rows[~rows["image"].isin(lost)]
