from __future__ import annotations

import numpy as np
import pandas as pd

from tests.shortcuts.made import properties
from thaw.shortcuts.columns import MOST_WORDS, covariate_columns, property_columns

NOBODY = np.zeros(4, dtype=bool)
ALL = np.ones(4, dtype=bool)


def test_file_properties_as_numbers_and_words() -> None:
    table = properties(
        4, width=[1024, 2048, 1024, np.nan], mode=["L", "RGB", "L", ""], converted=["", "colour", "", ""]
    )
    columns = property_columns(table, np.array([True, True, True, False]))
    width, height, aspect = columns[:, :6:2].T
    assert width.tolist() == [10, 11, 10, np.float32(31 / 3)]
    assert height.tolist() == [10] * 4
    assert aspect.tolist() == [1, 2, 1, np.float32(4 / 3)]
    assert columns[:, 1:6:2].tolist() == [[0, 0, 0]] * 3 + [[1, 0, 1]]
    # sizes, modes, formats, conversions; the most frequent one first, and what training images have not is no column
    assert columns[:, 6:].tolist() == [
        [1, 0, 1, 0, 1, 1, 0], [0, 1, 0, 1, 1, 0, 1], [1, 0, 1, 0, 1, 1, 0], [0, 0, 0, 0, 1, 1, 0],
    ]  # fmt: skip


def test_covariates_as_numbers_and_words() -> None:
    images = pd.DataFrame({"age": [10.0, 30.0, np.nan, 20.0], "sex": ["F", "M", "", "F"], "view": ["PA"] * 4})
    columns = covariate_columns(images, ALL)
    assert columns[:, 0].tolist() == [10, 30, 20, 20]
    assert columns[:, 1].tolist() == [0, 0, 1, 0]
    assert columns[[0, 1, 3], 2].tolist() == [100, 900, 400]
    assert columns[:, 4:].tolist() == [[1, 0, 0, 1], [0, 0, 1, 1], [0, 1, 0, 1], [1, 0, 0, 1]]


def test_without_known_values_columns_are_constant() -> None:
    unknown = pd.DataFrame({"age": [np.nan] * 4, "sex": [""] * 4, "view": [""] * 4})
    columns = covariate_columns(unknown, ALL)
    assert np.isfinite(columns).all()
    assert (columns == columns[0]).all()
    assert covariate_columns(unknown, NOBODY).shape == (4, 4)


def test_only_frequent_words_are_columns() -> None:
    images = pd.DataFrame({"age": [40.0] * 100, "sex": "F", "view": [f"V{place // 2}" for place in range(100)]})
    assert covariate_columns(images, np.ones(100, bool)).shape == (100, 4 + 1 + MOST_WORDS)
