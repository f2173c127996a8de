"""Tables as numbers that a linear probe can read: numbers, and a column of 0 and 1 for each frequent word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MOST_WORDS = 16

Columns = NDArray[np.float32]


def property_columns(table: pd.DataFrame, training: NDArray[np.bool_]) -> Columns:
    """Of files: sizes and their aspect as numbers, the frequent sizes, modes, formats and conversions as words.

    Args:
        table: ``width, height, mode, format`` as ``read_properties`` gives them, and ``converted``: what the stage
            preprocess did to the picture, empty where nothing.
        training: (N,) the images that decide what is frequent.
    """
    width, height = table["width"], table["height"]
    sizes = [width.map(np.log2), height.map(np.log2), width / height]
    size = width.astype("str") + " x " + height.astype("str")
    words = [size, table["mode"], table["format"], table["converted"]]
    numbers = [_number(values, training) for values in sizes]
    return _joined([*numbers, *(_words(column, training) for column in words)])


def covariate_columns(images: pd.DataFrame, training: NDArray[np.bool_]) -> Columns:
    """Of patients: ``age`` (years) and its square as numbers, ``sex`` and ``view`` as words; missing ones as such."""
    age = images["age"]
    numbers = [_number(age, training), _number(age**2, training)]
    return _joined([*numbers, *(_words(images[name], training) for name in ("sex", "view"))])


def _number(values: pd.Series[float], training: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The number, where it is missing the mean of the training images, and whether it is missing; (N, 2)."""
    missing = values.isna()
    known = values[training & ~missing.to_numpy()]
    filled = values.fillna(known.mean() if len(known) else 0.0)
    return np.stack([filled.to_numpy(np.float64), missing.to_numpy(np.float64)], axis=1)


def _words(values: pd.Series[str], training: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A column for each of the most frequent words, (N, at most 16)."""
    # sorted by word first, so that words of equal frequency do not depend on the order of the rows
    counts = values[training].value_counts().sort_index().sort_values(ascending=False, kind="stable")
    frequent = counts.index[:MOST_WORDS].to_numpy(object)
    is_word: NDArray[np.float64] = (values.to_numpy(object)[:, None] == frequent[None, :]).astype(np.float64)
    return is_word


def _joined(columns: Sequence[NDArray[np.float64]]) -> Columns:
    return np.concatenate(columns, axis=1).astype(np.float32)
