"""Copies of a picture are found, different patients are not joined; on phantoms, and on real X-rays where at hand."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from thaw.errors import UserError
from thaw.images.decode import decode
from thaw.images.duplicates import (
    MOST_IMAGES,
    exact_groups,
    make_thumbnails,
    near_groups,
    perceptual_hashes,
)
from thaw.images.sources import open_source
from thaw.phantom import draw_cohort

SHARED = Path(os.environ.get("THAW_SHARED", Path(__file__).parents[3] / "shared"))
REAL = SHARED / "data/cxr_3class/cxr_3class.zip"
PHANTOMS = 24


def encoded(picture: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", **{"quality": 90, **options})
    return buffer.getvalue()


def cropped(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    return picture.crop((round(0.01 * width), round(0.01 * height), round(0.99 * width), round(0.99 * height)))


def smaller(picture: Image.Image) -> Image.Image:
    return picture.resize((round(0.6 * picture.width), round(0.6 * picture.height)))


COPIES: dict[str, Callable[[Image.Image], bytes]] = {
    "re-encoded": lambda picture: encoded(picture, quality=50),
    "resized": lambda picture: encoded(smaller(picture)),
    "brightened": lambda picture: encoded(picture.point([round(255 * (v / 255) ** 0.8) for v in range(256)])),
    "cropped": lambda picture: encoded(cropped(picture)),
}


def groups_of(pictures: NDArray[np.uint8]) -> NDArray[np.int64]:
    return near_groups(perceptual_hashes(pictures), make_thumbnails(pictures))


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[Image.Image]:
    """Phantoms of one picture a patient."""
    folder = tmp_path_factory.mktemp("cohort")
    draw_cohort(folder, 3 * PHANTOMS, 160, seed=3)
    paths = sorted(folder.glob("images_*/images/*_000.png"))[:PHANTOMS]
    return [Image.open(path).convert("L") for path in paths]


@pytest.fixture(scope="module")
def pixels(originals: list[Image.Image]) -> NDArray[np.uint8]:
    return np.stack([decode(encoded(picture), 128, None).pixels for picture in originals])


def test_different_phantoms_stay_apart(pixels: NDArray[np.uint8]) -> None:
    assert groups_of(pixels).tolist() == list(range(len(pixels)))


@pytest.mark.parametrize("change", COPIES)
def test_a_changed_copy_joins_its_original(
    originals: list[Image.Image], pixels: NDArray[np.uint8], change: str
) -> None:
    copies = np.stack([decode(COPIES[change](picture), 128, None).pixels for picture in originals])
    groups = groups_of(np.concatenate([pixels, copies]))
    assert groups.tolist() == [*range(len(pixels)), *range(len(pixels))]


def test_a_larger_distance_or_less_likeness_joins_more(pixels: NDArray[np.uint8]) -> None:
    hashes, thumbnails = perceptual_hashes(pixels), make_thumbnails(pixels)
    assert near_groups(hashes, thumbnails, 256, -1).tolist() == [0] * len(pixels)
    assert near_groups(hashes, thumbnails, 0, -1).tolist() == list(range(len(pixels)))


def test_groups_join_by_way_of_a_third_picture_and_name_their_first() -> None:
    hashes = np.zeros((4, 4), np.uint64)
    hashes[:, 0] = [0b1111, 0, 0b11, 2**40 - 1]
    noise = np.random.default_rng(0).integers(0, 255, (32, 32), np.uint8)
    thumbnails = np.stack([noise] * 4)
    assert near_groups(hashes, thumbnails, 2).tolist() == [0, 0, 0, 3]
    assert near_groups(hashes, thumbnails, 1).tolist() == [0, 1, 2, 3]


def test_blocks_give_what_one_piece_gives(pixels: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    doubled = np.concatenate([pixels, pixels[:9]])
    whole = groups_of(doubled)
    monkeypatch.setattr("thaw.images.duplicates.BLOCK_ROWS", 5)
    monkeypatch.setattr("thaw.images.duplicates.BLOCK_PAIRS", 2)
    assert groups_of(doubled).tolist() == whole.tolist()


def test_the_hash_is_imagehashs_in_four_words(pixels: NDArray[np.uint8]) -> None:
    hashes = perceptual_hashes(iter(pixels[:3]))
    assert hashes.dtype == np.uint64
    assert hashes.shape == (3, 4)
    assert perceptual_hashes(pixels[:3]).tolist() == hashes.tolist()
    halves = np.bitwise_count(hashes).sum(axis=1)
    assert (np.abs(halves.astype(int) - 128) <= 1).all(), "half of the frequencies lie above their median"


def test_exact_copies_are_pixel_for_pixel(pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.concatenate([pixels[:2], pixels[:1], pixels[1:2] ^ 1]))
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert exact_groups(mapped).tolist() == [0, 1, 0, 3]


def test_constant_pictures_are_like_nothing() -> None:
    assert groups_of(np.full((3, 64, 64), 7, np.uint8)).tolist() == [0, 1, 2]


def test_no_picture_is_no_group() -> None:
    none = np.empty((0, 64, 64), np.uint8)
    assert exact_groups(none).tolist() == []
    assert groups_of(none).tolist() == []


def test_too_many_pictures_are_refused_before_any_work() -> None:
    many = MOST_IMAGES + 1
    with pytest.raises(UserError, match="at most 20,000 pictures, not 20,001"):
        near_groups(np.zeros((many, 4), np.uint64), np.zeros((many, 1, 1), np.uint8))


@pytest.mark.skipif(not REAL.exists(), reason="no real X-rays beside the repository (THAW_SHARED)")
def test_real_x_rays_of_different_patients_stay_apart_and_copies_are_found() -> None:
    table = pd.read_csv(REAL.parent / "manifest.csv").query("patient_id_known == 'yes'").sample(150, random_state=0)
    with open_source(REAL) as source:
        pictures = [Image.open(io.BytesIO(source.read(name))).convert("L") for name in table["path"]]
    ways = list(COPIES.values())
    copies = [ways[place % len(ways)](picture) for place, picture in enumerate(pictures)]
    pixels = np.stack([decode(data, 224, None).pixels for data in [*map(encoded, pictures), *copies]])
    groups, patients = groups_of(pixels), np.tile(pd.factorize(table["patient_id"])[0], 2)
    assert (patients[groups] == patients).all()
    assert (groups[150:] == groups[:150]).sum() >= 148
