"""Which images are shown of a model: chosen by a rule, the same for all its strategies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.explain.decided import Decided
from thaw.labels import UNKNOWN

COLUMNS = ["model", "class", "kind", "place", "image"]
CHANGED = "changed"


def choose_images(model: str, first: Decided, reference: Decided, examples: int) -> pd.DataFrame:
    """The gallery of one model, in the order of the classes.

    The rule, class by class: of the images that the reference rightly finds, falsely finds, misses and rightly leaves
    out, those of which it is surest; then, as ``changed``, those that ``first`` and the reference decide differently,
    the largest difference of calibrated probability first. Of equal images that with the smaller name comes first.
    Unknown labels and classes that are not decided are left out.

    Args:
        model: its name, for the column.
        first: what the first strategy compared decided of the test images.
        reference: what the last one decided of the same; where both are one strategy nothing is changed.
        examples: at most so many images of each class and kind.

    Returns:
        Columns model, class, kind, place (1 …) and image.
    """
    images = reference.predictions.images
    rows = [
        (model, name, kind, place, images[position])
        for column, name in enumerate(reference.predictions.classes)
        for kind, positions in _shown(first, reference, column)
        for place, position in enumerate(positions[:examples], start=1)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _shown(first: Decided, reference: Decided, column: int) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Each kind with all its images of one class, in the order in which they are shown."""
    for kind in reference.kinds:
        yield kind, reference.surest(kind, column)
    before, after = first.judged, reference.judged
    known = after.labels[:, column] != UNKNOWN
    decidable = before.decidable[column] & after.decidable[column]
    differs = before.decisions[:, column] != after.decisions[:, column]
    change = np.abs(after.probabilities[:, column] - before.probabilities[:, column])
    yield CHANGED, reference.ranked(known & decidable & differs, -change)


def read_gallery(path: Path, model: str) -> pd.DataFrame:
    """The rows of one model in ``reports/gallery.csv``; a class called NA or 007 stays that text."""
    table = pd.read_csv(path, dtype=dict.fromkeys(COLUMNS, str) | {"place": np.int64}, keep_default_na=False)
    return table[table["model"] == model].reset_index(drop=True)
