"""A box drawn into a picture lies, once the picture is decoded, where its fractions say."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from thaw.explain.boxes import boxes_by_image
from thaw.files import read_csv, write_csv
from thaw.images.decode import decode

COLUMNS = ["image", "class", "left", "top", "width", "height", "picture_width", "picture_height"]


def table(*rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS)


def test_without_crop_fractions_are_of_the_whole_picture() -> None:
    boxes = boxes_by_image(
        table(("a.png", "Mass", 10, 20, 30, 40, 100, 200), ("b.png", "Mass", 0, 0, 100, 50, 100, 50),
              ("a.png", "Edema", 0, 0, 50, 50, 100, 200), ("a.png", "Mass", 50, 100, 50, 100, 100, 200)),
        64, None,
    )  # fmt: skip
    assert {key: found.tolist() for key, found in boxes.items()} == {
        ("a.png", "Mass"): [[0.1, 0.1, pytest.approx(0.3), pytest.approx(0.2)], [0.5, 0.5, 0.5, 0.5]],
        ("b.png", "Mass"): [[0, 0, 1, 1]],
        ("a.png", "Edema"): [[0, 0, 0.5, 0.25]],
    }


def test_with_crop_the_square_is_the_middle_and_boxes_are_cut_or_dropped() -> None:
    # 300 x 100 cropped from 128 to 64: the middle 50 x 50, from (125, 25)
    boxes = boxes_by_image(
        table(("a", "inside", 130, 30, 10, 20, 300, 100), ("a", "over", 100, 0, 50, 50, 300, 100),
              ("a", "beyond", 0, 0, 125, 100, 300, 100), ("a", "below", 130, 75, 10, 10, 300, 100)),
        64, 128,
    )  # fmt: skip
    assert {key: found.tolist() for key, found in boxes.items()} == {
        ("a", "inside"): [[pytest.approx(0.1), pytest.approx(0.1), pytest.approx(0.2), pytest.approx(0.4)]],
        ("a", "over"): [[0, 0, 0.5, 0.5]],
    }


def test_a_table_without_rows_gives_none(tmp_path) -> None:
    write_csv(tmp_path / "boxes.csv", table())
    assert boxes_by_image(read_csv(tmp_path / "boxes.csv"), 64, 80) == {}


SIDE = st.integers(40, 300)
ENDS = st.lists(st.integers(0, 100), min_size=2, max_size=2, unique=True)


@settings(max_examples=150, deadline=None)
@given(SIDE, SIDE, ENDS, ENDS, st.integers(32, 128), st.none() | st.floats(1, 2))
def test_a_bright_box_lies_where_its_fractions_say(width, height, across, down, size, zoom) -> None:
    left, right = sorted(round(share * width / 100) for share in across)
    top, bottom = sorted(round(share * height / 100) for share in down)
    assume(right > left and bottom > top and (right - left, bottom - top) != (width, height))
    pixels = np.zeros((height, width), np.uint8)
    pixels[top:bottom, left:right] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    crop_from = None if zoom is None else round(size * zoom)
    decoded = decode(buffer.getvalue(), size, crop_from).pixels
    row = ("a", "Mass", left, top, right - left, bottom - top, width, height)
    boxes = boxes_by_image(table(row), size, crop_from)
    if not boxes:
        assert (decoded[1:-1, 1:-1] < 128).all()
        return
    (found,) = boxes[("a", "Mass")]
    begin, end = found[:2] * size, (found[:2] + found[2:]) * size
    assume((end - begin > 3).all())
    rows, columns = np.nonzero(decoded >= 128)
    assert np.abs(begin - [columns.min(), rows.min()]).max() <= 1
    assert np.abs(end - [columns.max() + 1, rows.max() + 1]).max() <= 1
