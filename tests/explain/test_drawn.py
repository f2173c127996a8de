"""Which test images are measured: the same every time, whole images, none of another split."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from thaw.explain.drawn import Examples, draw_images, of_images, one_an_image, pixels_of, positive_pairs
from thaw.prepared import Prepared

CLASSES = ["Mass", "Edema"]
TABLE = pd.DataFrame(
    {
        "row": [4, 0, 1, 3],
        "image": ["a", "b", "c", "d"],
        "patient": ["1", "2", "2", "3"],
        "split": ["test", "test", "train", "test"],
        "Mass": pd.array([1, 0, 1, 1], dtype="Int64"),
        "Edema": pd.array([pd.NA, 0, 1, 1], dtype="Int64"),
    }
)
PIXELS = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
DATA = Prepared(PIXELS, TABLE, CLASSES, "multilabel", "T", synthetic=True)
PAIRS = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(CLASSES)), unique=True)


def test_positive_labels_of_test_images_alone() -> None:
    assert sorted(positive_pairs(DATA)) == [("a", "Mass"), ("d", "Edema"), ("d", "Mass")]


def test_the_order_depends_on_names_and_not_on_the_table() -> None:
    turned = Prepared(PIXELS, TABLE[::-1], CLASSES, "multilabel", "T", synthetic=True)
    assert positive_pairs(turned) == positive_pairs(DATA)
    assert draw_images(turned, 3) == draw_images(DATA, 3)
    assert [draw_images(DATA, count) for count in (0, 1, 9)] == [[], draw_images(DATA, 3)[:1], draw_images(DATA, 3)]
    order = dict.fromkeys(image for image, _ in positive_pairs(DATA))
    assert [image for image in draw_images(DATA, 3) if image in order] == list(order)


def test_examples_hold_the_pictures_of_their_images() -> None:
    examples = Examples.of(DATA, [("d", "Edema"), ("a", "Mass"), ("d", "Mass")])
    assert examples.pixels[:, 0, 0].tolist() == [3, 4, 3]
    assert (examples.targets.tolist(), examples.patients.tolist()) == ([1, 0, 0], ["3", "1", "3"])
    assert Examples.of(DATA, []).pixels.shape == pixels_of(DATA, []).shape == (0, 2, 2)


@settings(max_examples=50, deadline=None)
@given(PAIRS, st.integers(0, 7))
def test_whole_images_or_one_pair_of_each_are_kept_in_their_order(pairs: list[tuple[str, str]], count: int) -> None:
    first = list(dict.fromkeys(image for image, _ in pairs))[:count]
    assert of_images(pairs, count) == [pair for pair in pairs if pair[0] in first]
    single = one_an_image(pairs, count)
    assert [image for image, _ in single] == first
    assert all(pair == next(one for one in pairs if one[0] == pair[0]) for pair in single)
