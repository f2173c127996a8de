"""gallery: which test images are shown of every model.

Reads     the parameters compared, explain.examples, models and seeds; data/dataset.json; of every model, with the first
          seed, of the first and of the last strategy compared, reports/predict/<cell>/predictions.csv and
          reports/evaluate/<cell>/rule.json.
Writes    reports/gallery.csv (model, class, kind, place, image; kind: true_positive, false_positive, false_negative,
          true_negative, changed).
Promises  images are chosen by the rule of ``thaw.explain.gallery``, not by eye, and are the same for all strategies of
          a model; needs neither the networks nor torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from thaw.cells import Cell
from thaw.command import arguments, run
from thaw.errors import UserError
from thaw.explain.decided import read_decided
from thaw.explain.gallery import choose_images
from thaw.files import read_json, write_csv
from thaw.params.read import read_params

DATASET, GALLERY = Path("data/dataset.json"), Path("reports/gallery.csv")


def gallery_of(first: Cell, last: Cell, dataset: dict[str, Any], examples: int) -> pd.DataFrame:
    """The images that are shown of one model, from two of its cells.

    Raises:
        UserError: the two were not tested on the same images.
    """
    before, after = (read_decided(cell, dataset["classes"], dataset["task"]) for cell in (first, last))
    if not np.array_equal(before.predictions.images, after.predictions.images):
        raise UserError(f"{first} and {last} were tested on different images; run dvc repro")
    return choose_images(last.model, before, after, examples)


def main() -> None:
    """Choose the images of every model."""
    arguments(__doc__)
    params: Any = read_params("compared", "explain.examples", "models", "seeds")
    dataset, seed, examples = read_json(DATASET), params.seeds[0], params.explain["examples"]
    first, last = params.compared[0], params.compared[-1]
    tables = [
        gallery_of(Cell(model, first, seed), Cell(model, last, seed), dataset, examples) for model in params.models
    ]
    write_csv(GALLERY, pd.concat(tables))


if __name__ == "__main__":
    run(main)
