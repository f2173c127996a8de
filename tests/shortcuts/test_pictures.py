from __future__ import annotations

import numpy as np
import pytest

from tests.shortcuts.made import unlike_pictures
from thaw.shortcuts import pictures
from thaw.shortcuts.pictures import QUANTILES, glance_at


def test_a_picture_is_described_as_numpy_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "CHUNK", 3)
    pixels, rows = unlike_pictures(10, size_px=64), np.array([7, 0, 3, 3, 9, 1, 2])
    seen = glance_at(pixels, rows)
    assert {name: values.shape for name, values in seen.items()} == {
        "border": (7, 8), "brightness": (7, 9), "thumbnail": (7, 256),
    }  # fmt: skip
    for place, picture in enumerate(pixels[rows]):
        edges = (picture[:1], picture[-1:], picture[:, :1], picture[:, -1:])
        assert seen["border"][place] == pytest.approx([value for edge in edges for value in (edge.mean(), edge.std())])
        quantiles = np.quantile(picture, QUANTILES, method="inverted_cdf")
        assert seen["brightness"][place] == pytest.approx([picture.mean(), picture.std(), *quantiles], rel=1e-5)
        blocks = picture.reshape(16, 4, 16, 4).mean(axis=(1, 3)).ravel()
        assert seen["thumbnail"][place] == pytest.approx(blocks, abs=1.01)  # rounded twice on the way


def test_the_border_of_a_large_picture_is_two_hundredths_of_its_side() -> None:
    picture = np.full((1, 100, 100), 50, np.uint8)
    picture[:, :2] = 200
    border = glance_at(picture, np.array([0]))["border"][0]
    assert border[:4].tolist() == [200, 0, 50, 0]
    assert border[4:].tolist() == pytest.approx([53, 21, 53, 21])


def test_no_picture_at_all() -> None:
    seen = glance_at(unlike_pictures(2), np.array([], dtype=np.int64))
    assert {name: values.shape for name, values in seen.items()} == {
        "border": (0, 8), "brightness": (0, 9), "thumbnail": (0, 256),
    }  # fmt: skip
