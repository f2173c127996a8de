from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shortcuts.made import image_table, material, random_labels, unlike_pictures
from thaw.shortcuts import copies
from thaw.shortcuts.copies import measure_copies, nearest_across

COUNT = 72
LABELS = random_labels(COUNT)
# with two images a patient: 0-5 train, 6-7 validation, 8-11 test, and so on
PLANTED = [
    {"images": ["0.png", "8.png"], "splits": ["test", "train"], "identical": True},
    {"images": ["1.png", "6.png"], "splits": ["train", "val"], "identical": True},
    {"images": ["3.png", "11.png", "12.png"], "splits": ["test", "train"], "identical": False},
]


def planted() -> np.ndarray:
    pixels = unlike_pictures(COUNT, size_px=48)
    pixels[8], pixels[6] = pixels[0], pixels[1]
    grain = np.random.default_rng(1).normal(scale=6, size=pixels.shape[1:])
    pixels[11] = pixels[12] = np.clip(pixels[3] * 0.9 + 5 + grain, 0, 255)
    pixels[2], pixels[5] = pixels[4], np.clip(pixels[4] * 0.9 + 5, 0, 255)  # within training: no harm
    return pixels


def test_copies_in_several_splits_are_found() -> None:
    assert measure_copies(material(LABELS, planted())) == {
        "pictures": 3, "test_images": 2, "method": "near", "distance_bits": 64, "examples": PLANTED,
    }  # fmt: skip


def test_without_copies_nothing_is_found() -> None:
    found = measure_copies(material(LABELS, unlike_pictures(COUNT, size_px=48)))
    assert found == {"pictures": 0, "test_images": 0, "method": "near", "distance_bits": 64, "examples": []}


def test_of_drawn_pictures_only_identical_copies_count() -> None:
    found = measure_copies(material(LABELS, planted(), synthetic=True))
    assert (found["method"], found["distance_bits"], found["pictures"]) == ("identical", None, 3)
    assert found["examples"][:2] == PLANTED[:2]
    assert found["examples"][2]["images"] == ["11.png", "12.png"]


def test_of_too_many_pictures_the_nearest_across_splits_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "BLOCK", 7)
    monkeypatch.setattr(copies, "CHUNK", 5)
    found = measure_copies(material(LABELS, planted()), most_images=10)
    assert (found["pictures"], found["test_images"], found["method"]) == (3, 2, "near")
    assert (found["distance_bits"], found["examples"]) == (64, PLANTED)
    fewer = measure_copies(material(LABELS, planted()), most_images=6)
    assert (fewer["pictures"], fewer["method"]) == (3, "near")
    assert 0 <= fewer["distance_bits"] < 64
    assert fewer["examples"][2]["images"] == ["11.png", "12.png"]
    identical = measure_copies(material(LABELS, planted()), most_images=1)
    assert (identical["pictures"], identical["method"], identical["distance_bits"]) == (3, "identical", None)


def test_images_that_were_not_read_or_are_in_no_split_are_left_out() -> None:
    rows = np.arange(COUNT)
    rows[8] = -1
    split = image_table(COUNT)["split"]
    split[1] = ""
    found = measure_copies(material(LABELS, planted(), {"split": split}, rows=rows))
    assert found["examples"] == PLANTED[2:]
    nothing = measure_copies(material(LABELS, planted(), {"split": ""}))
    assert (nothing["pictures"], nothing["examples"]) == (0, [])


def test_examples_are_few_and_short() -> None:
    pixels = unlike_pictures(COUNT, size_px=48)
    pixels[8:20], pixels[20:26] = pixels[:12].copy(), pixels[0]
    found = measure_copies(material(LABELS, pixels))
    assert found["pictures"] == 6
    assert len(found["examples"]) == 5
    assert max(len(example["images"]) for example in found["examples"]) <= 4


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 30))
def test_the_nearest_hash_of_another_split(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 4, (count, 4)).astype(np.uint64)
    split = random.choice(["train", "val", "test"], count).astype(object)
    distance = np.bitwise_count(hashes[:, None] ^ hashes[None, :]).sum(axis=2)
    elsewhere = np.where(split[:, None] != split[None, :], distance, 257)
    assert nearest_across(hashes, split).tolist() == elsewhere.min(axis=1).tolist()
