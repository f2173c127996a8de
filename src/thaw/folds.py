"""Cross-validation: patients are dealt into parts, numbered from 1, and fold f tests on part f."""

from __future__ import annotations

import numpy as np
import pandas as pd


def split_of_fold(part: pd.Series[int], fold: int, folds: int) -> pd.Series[str]:
    """The split of every image in one fold: test on part ``fold``, validation on the next, training on the rest.

    Args:
        part: the part of every image, 1 to ``folds``.
        fold: 1 to ``folds``; after the last part comes the first.
        folds: how many parts there are, 3 or more.

    >>> split_of_fold(pd.Series([1, 2, 3, 4]), 4, 4).tolist()
    ['val', 'train', 'train', 'test']
    """
    splits = np.select([part == fold, part == fold % folds + 1], ["test", "val"], "train")
    return pd.Series(splits, index=part.index)
