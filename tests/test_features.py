from __future__ import annotations

from pathlib import Path

import numpy as np

from thaw.features import Features, read_features, write_features


def test_each_split_is_read_back_in_half_precision(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    parts = {
        split: Features(np.array([f"{split}/ü{place}.png" for place in range(count)]), random.normal(size=(count, 3)))
        for split, count in (("train", 4), ("test", 2))
    }
    parts["test"].values[0, 0] = 1e9
    write_features(tmp_path / "features.npz", parts)
    for split, part in parts.items():
        again = read_features(tmp_path / "features.npz", split)
        assert again.images.tolist() == part.images.tolist()
        assert again.values.dtype == np.float32
        assert again.values.tolist() == part.values.clip(-65504, 65504).astype(np.float16).tolist()
