from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.use.made import encoded, picture_files, shades
from thaw.images.decode import Decoded, decode
from thaw.images.unreadable import UnreadableError
from thaw.use.pictures import given_images

PICTURES = {name: data for name, data in picture_files().items() if not name.endswith(".dcm")}


def decoded(image: Any, crop_from_px: int | None = None) -> Decoded:
    (one,) = given_images(image)
    return decode(one.content(), 64, crop_from_px)


@pytest.mark.parametrize("crop_from_px", [None, 72])
@pytest.mark.parametrize("name", PICTURES)
def test_pictures_of_pillow_give_the_pixels_of_their_files(name: str, crop_from_px: int | None) -> None:
    expected = decode(PICTURES[name], 64, crop_from_px).pixels
    with Image.open(io.BytesIO(PICTURES[name])) as picture:
        assert np.array_equal(decoded(picture, crop_from_px).pixels, expected)


@pytest.mark.parametrize(
    "array",
    [
        shades(),
        np.dstack([shades(), 255 - shades(), shades() // 2]),
        shades().astype(np.uint16) * 17,
        shades()[:, ::-1],
    ],
    ids=["gray", "colours", "16 bits", "not contiguous"],
)
@pytest.mark.parametrize("crop_from_px", [None, 72])
def test_arrays_give_the_pixels_of_lossless_files(array: Any, crop_from_px: int | None) -> None:
    expected = decode(encoded(Image.fromarray(np.ascontiguousarray(array))), 64, crop_from_px).pixels
    assert np.array_equal(decoded(array, crop_from_px).pixels, expected)


def test_gray_of_the_right_size_is_not_touched() -> None:
    assert np.array_equal(decoded(shades(64, 64)).pixels, shades(64, 64))


@pytest.mark.parametrize(
    "array",
    [
        shades() / 255.0, shades().astype(np.int64), np.zeros((64, 64, 4), np.uint8), np.zeros((9, 64, 64, 3), "u1"),
        np.zeros((64, 64, 3), np.uint16), np.zeros((64, 64), bool), np.zeros(64, np.uint8),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)  # fmt: skip
def test_other_arrays_are_refused(array: Any) -> None:
    (one,) = given_images([array])
    with pytest.raises(
        UnreadableError, match=r"an array of .*; use uint8 \(H, W\) or \(H, W, 3\), or uint16 \(H, W\)$"
    ):
        one.content()


def test_an_array_without_pixels_is_refused() -> None:
    (one,) = given_images([np.zeros((0, 5), np.uint8)])
    with pytest.raises(UnreadableError, match="without pixels"):
        one.content()


def test_names_are_paths_or_places(tmp_path: Path) -> None:
    data = PICTURES["gray.png"]
    (tmp_path / "a.png").write_bytes(data)
    opened = Image.open(tmp_path / "a.png")
    images = [tmp_path / "a.png", "b.png", data, shades(), opened, Image.fromarray(shades())]
    names = [one.name for one in given_images(images)]
    opened.close()
    assert names == [f"{tmp_path}/a.png", "b.png", "image 2", "image 3", f"{tmp_path}/a.png", "image 5"]


@pytest.mark.parametrize(
    ("images", "count"),
    [
        ("a.png", 1), (Path("a.png"), 1), (b"...", 1), (shades(), 1), (Image.fromarray(shades()), 1),
        (np.zeros((70, 80, 3), np.uint8), 1), (np.zeros((5, 70, 80), np.uint8), 5), ([], 0), (iter(["a", "b"]), 2),
    ],
)  # fmt: skip
def test_one_image_is_one_and_several_are_several(images: Any, count: int) -> None:
    assert len(list(given_images(images))) == count


def test_what_is_no_image_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="image 1 is float, not a path, the bytes of a file, a picture of Pillow"):
        list(given_images(["a.png", 0.5]))  # type: ignore[list-item]


def test_files_that_are_not_there_are_told(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "a.png", "no such file"), (tmp_path, "a folder, no file")):
        (one,) = given_images(path)
        with pytest.raises(UnreadableError, match=f"^{reason}$"):
            one.content()


def test_a_truncated_picture_of_pillow_is_told() -> None:
    with Image.open(io.BytesIO(PICTURES["gray.jpg"][:-200])) as picture:
        (one,) = given_images(picture)
        with pytest.raises(UnreadableError, match="damaged or truncated"):
            one.content()


def test_one_picture_may_be_given_many_times() -> None:
    with Image.open(io.BytesIO(PICTURES["turned.jpg"])) as picture, ThreadPoolExecutor(8) as pool:
        contents = set(pool.map(lambda one: one.content(), given_images([picture] * 64)))
    assert len(contents) == 1
