"""Heat maps on disk, and over the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import colormaps

from thaw.explain.maps import SIDE, read_maps, shrink, write_maps
from thaw.explain.overlay import overlay


@pytest.mark.parametrize("size_px", [32, 56, 64, 112, 224])
def test_a_stored_place_is_the_mean_over_its_area(size_px: int) -> None:
    maps = np.random.default_rng(0).random((3, size_px, size_px)).astype(np.float32)
    # every pixel as SIDE x SIDE small ones, every place the mean of the size_px x size_px of them that it covers
    fine = maps.repeat(SIDE, axis=1).reshape(3, SIDE, size_px, size_px).mean(axis=2)
    fine = fine.repeat(SIDE, axis=2).reshape(3, SIDE, SIDE, size_px).mean(axis=3)
    expected = 255 * fine / fine.max(axis=(1, 2), keepdims=True)
    stored = shrink(maps)
    assert (stored.shape, stored.dtype) == ((3, SIDE, SIDE), np.uint8)
    assert np.abs(stored - expected).max() < 0.51
    assert stored.max(axis=(1, 2)).tolist() == [255] * 3


def test_a_map_without_heat_stays_without() -> None:
    maps = np.zeros((2, 112, 112), np.float32)
    maps[1, :2, :2] = 1e-6
    stored = shrink(maps)
    assert (stored[0].max(), stored[1, 0, 0], stored[1].sum()) == (0, 255, 255)


def test_maps_are_read_as_they_were_written(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE)).astype(np.uint8)
    keys = [("001.png", "Mass"), ("001.png", "NA"), ("ä/b, c.png", "<b>|x")]
    write_maps(tmp_path / "maps.npz", dict(zip(keys, values, strict=True)))
    read = read_maps(tmp_path / "maps.npz")
    assert list(read) == keys
    assert all(np.array_equal(read[key], value) for key, value in zip(keys, values, strict=True))
    with np.load(tmp_path / "maps.npz", allow_pickle=False) as stored:
        assert {name: stored[name].shape for name in stored} == {"image": (3,), "class": (3,), "map": (3, SIDE, SIDE)}


def test_no_maps_are_read_as_none(tmp_path: Path) -> None:
    write_maps(tmp_path / "maps.npz", {})
    assert read_maps(tmp_path / "maps.npz") == {}


def test_without_heat_the_picture_is_as_it_was() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 80)).astype(np.uint8)
    assert np.array_equal(overlay(pixels, np.zeros((SIDE, SIDE), np.uint8)), np.stack([pixels] * 3, axis=-1))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 255), st.integers(0, 255))
def test_the_colour_covers_the_more_the_hotter_it_is(gray: int, heat: int) -> None:
    pixels, even = np.full((60, 60), gray, np.uint8), np.full((SIDE, SIDE), heat, np.uint8)
    share, colour = 0.6 * heat / 255, np.array(colormaps["inferno"](heat, bytes=True)[:3])
    assert np.abs(overlay(pixels, even) - ((1 - share) * gray + share * colour)).max() < 0.51


def test_heat_lies_where_the_map_has_it_and_pictures_show_through() -> None:
    pixels = np.tile(np.array([40, 90], np.uint8), (224, 112))
    heat = np.zeros((SIDE, SIDE), np.uint8)
    heat[:14, :14] = 255
    coloured = overlay(pixels, heat).astype(int)
    assert (coloured[70:, :, 0] == pixels[70:]).all()
    assert (coloured[:48, :48, 0] > coloured[:48, :48, 2]).all()  # yellow
    contrast = np.diff(coloured[:48, :48], axis=1)[:, ::2]
    assert (abs(contrast - 20) <= 1).all()  # 40 % of what it was
