"""preprocess: decode every image once into one array.

Reads     the parameters preprocess; data/labels.csv, data/dataset.json, the images it names.
Writes    data/images.npy (uint8, images × height × width, gray), data/images.csv (row, image),
          reports/quality.csv (images quarantined or converted, with the reason).
Promises  an image that cannot be read is left out and named, never guessed; too many of them stop the run.
"""

from __future__ import annotations

from pathlib import Path

from thaw.command import arguments, run
from thaw.files import read_csv, read_json
from thaw.params.read import read_params
from thaw.preprocessing import decode_set

LABELS, DATASET = Path("data/labels.csv"), Path("data/dataset.json")
PIXELS, ROWS, QUALITY = Path("data/images.npy"), Path("data/images.csv"), Path("reports/quality.csv")


def main() -> None:
    """Decode all images of the table and write the array, its index and the quality report."""
    arguments(__doc__)
    params = read_params("preprocess").preprocess
    images = read_csv(LABELS, columns=["image"])["image"]
    decode_set(images, Path(read_json(DATASET)["source"]), params, PIXELS, ROWS, QUALITY)


if __name__ == "__main__":
    run(main)
