"""preprocess: decode every image once into one array.

Reads     the parameters preprocess; data/labels.csv, data/dataset.json, the images it names.
Writes    data/images.npy (uint8, images × height × width, gray), data/images.csv (row, image),
          reports/quality.csv (images quarantined or converted, with the reason).
Promises  an image that cannot be read is left out and named, never guessed; too many of them stop the run.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from thaw.command import arguments, run
from thaw.files import read_csv, read_json, write_csv
from thaw.images.headers import original_names
from thaw.images.store import build_store, check_losses
from thaw.params.read import read_params

LABELS, DATASET = Path("data/labels.csv"), Path("data/dataset.json")
PIXELS, ROWS, QUALITY = Path("data/images.npy"), Path("data/images.csv"), Path("reports/quality.csv")


def readable_rows(images: pd.Series, quality: pd.DataFrame) -> pd.DataFrame:
    """Which row of the array holds which image, without the quarantined ones."""
    rows = pd.DataFrame({"row": range(len(images)), "image": images})
    lost = quality.loc[quality["action"] == "quarantined", "image"]
    return rows[~rows["image"].isin(lost)]


def main() -> None:
    """Decode all images of the table and write the array, its index and the quality report."""
    arguments(__doc__)
    params = read_params("preprocess").preprocess
    images = read_csv(LABELS, columns=["image"])["image"]
    source = Path(read_json(DATASET)["source"])
    files = original_names(source, list(images))
    quality = build_store(source, list(files.values()), params.size, params.crop_from, PIXELS)
    quality["image"] = quality["image"].map({file: image for image, file in files.items()})
    write_csv(QUALITY, quality)
    check_losses(quality, len(images), params.max_quarantined)
    write_csv(ROWS, readable_rows(images, quality))


if __name__ == "__main__":
    run(main)
