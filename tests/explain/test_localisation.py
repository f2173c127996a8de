"""Whether maps find boxes: by hand, at chance, at the extremes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import beta

from thaw.explain.localisation import covered, measure_localisation

HALF = np.array([[0.0, 0.0, 0.5, 1.0]])  # the left half


def measured(
    maps: Any, boxes: list[NDArray[np.float64]], patients: list[str] | None = None, **more: Any
) -> dict[str, Any]:
    names = np.array(patients or [str(number) for number in range(len(boxes))], dtype=object)
    array = np.array(maps, dtype=np.float32)
    return measure_localisation(array, boxes, more.pop("classes", ["a"] * len(boxes)), names, 0.95, 200, **more)


def test_two_maps_by_hand() -> None:
    quarter = np.array([[0.5, 0.5, 0.5, 0.5]])
    maps = [
        # the hottest pixel lies in its box, one of the two hottest does, 1.5 of 3 do
        [[1.0, 0.9, 0.0, 0.6], [0.5, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]],
        [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.2, 0.4, 0.3, 0.1], [1.0, 0.0, 0.0, 0.0]],
    ]
    narrow = np.array([[0.0, 0.0, 0.25, 0.5]])  # two pixels: 1.0 and 0.5
    found = measured(maps, [narrow, quarter], classes=["b", "a"], images=["one", "one"])
    assert found.pop("pointing_low") == 0
    assert found.pop("pointing_high") == 1
    by_class = found.pop("by_class")
    assert found == pytest.approx(
        {
            "maps": 2,
            "images": 1,
            "pointing": 0.5,
            "energy": (1.5 / 3 + 0.4 / 2) / 2,
            "overlap": (1 / 3 + 1 / 7) / 2,
            "area": (2 / 16 + 4 / 16) / 2,
        }
    )
    assert by_class == {
        "a": {"maps": 1, "pointing": 0.0, "area": 0.25},
        "b": {"maps": 1, "pointing": 1.0, "area": 0.125},
    }
    assert list(by_class) == ["a", "b"]


@given(
    st.tuples(*[st.integers(0, 7)] * 2), st.tuples(*[st.integers(1, 8)] * 2), st.floats(0.1, 1, allow_nan=False)
)  # fmt: skip
def test_a_map_without_differences_is_at_chance(corner: tuple[int, int], size: tuple[int, int], level: float) -> None:
    box = np.array([[*corner, *np.minimum(size, 8 - np.array(corner))]]) / 8
    rounding = np.random.default_rng(0).uniform(-1e-7, 1e-7, (1, 8, 8))
    found = measured(level * (1 + rounding), [box])
    area = float(box[0, 2] * box[0, 3])
    assert [found[name] for name in ("area", "pointing", "energy")] == pytest.approx([area] * 3, abs=1e-6)
    assert found["overlap"] == pytest.approx(area / (2 - area))


def test_random_maps_point_at_chance() -> None:
    maps = np.random.default_rng(0).random((3000, 8, 8))
    boxes = [np.array([[left / 8, 0.25, 0.375, 0.5]]) for left in np.random.default_rng(1).integers(0, 6, len(maps))]
    found = measured(maps, boxes)
    assert found["area"] == 3 * 4 / 64
    assert found["pointing"] == pytest.approx(found["area"], abs=0.03)
    assert found["energy"] == pytest.approx(found["area"], abs=0.01)
    assert found["pointing_low"] < found["area"] < found["pointing_high"]


def test_perfect_maps() -> None:
    maps = np.zeros((5, 8, 8))
    maps[:, :, :4] = 1
    found = measured(maps, [HALF] * 5)
    assert [found[name] for name in ("pointing", "energy", "overlap", "area")] == [1, 1, 1, 0.5]
    # Clopper and Pearson: 5 of 5
    assert found["pointing_low"] == pytest.approx(beta.ppf(0.025, 5, 1))
    assert found["pointing_high"] == 1


def test_maps_of_zeros_miss_and_have_no_energy() -> None:
    maps = np.zeros((2, 4, 4))
    alone = measured(maps, [HALF] * 2)
    assert [alone[name] for name in ("pointing", "energy", "overlap")] == [0, None, 0]
    assert (alone["pointing_low"], alone["pointing_high"]) == (0, pytest.approx(beta.ppf(0.975, 1, 2)))
    maps[0, :, 0] = 1
    beside = measured(maps, [HALF] * 2)
    assert [beside[name] for name in ("pointing", "energy")] == [0.5, 1]


def test_equally_hot_pixels_at_the_limit_count_as_if_drawn() -> None:
    heat = [[3.0, 2.0, 2.0, 0.0]] + [[0.0] * 4] * 3
    box = np.array([[0.0, 0.0, 0.5, 0.25]])
    # the hottest, and one of the two that are next, of which one lies in the box: 1.5 of 2.5
    assert measured([heat], [box])["overlap"] == pytest.approx(1.5 / 2.5)


def test_the_interval_draws_patients_not_maps() -> None:
    random = np.random.default_rng(0)
    maps = np.zeros((40, 4, 4))
    maps[np.arange(40), 0, np.where(random.random(40) < 0.5, 0, 3)] = 1
    boxes = [HALF] * 40
    apart = measured(maps, boxes)
    together = measured(np.repeat(maps[:8], 5, axis=0), boxes, [str(number // 5) for number in range(40)])
    assert apart["pointing_high"] - apart["pointing_low"] < together["pointing_high"] - together["pointing_low"]
    alone = measured(maps, boxes, ["one"] * 40)
    assert (alone["pointing_low"], alone["pointing_high"]) == (None, None)
    assert 0 < alone["pointing"] < 1


def test_without_maps_nothing_is_defined() -> None:
    assert measured(np.empty((0, 4, 4)), []) == {
        "maps": 0, "images": 0, "pointing": None, "pointing_low": None, "pointing_high": None, "energy": None,
        "overlap": None, "area": None, "by_class": {},
    }  # fmt: skip


@given(
    st.lists(st.tuples(*[st.floats(0, 1)] * 2, *[st.floats(1e-6, 1)] * 2), min_size=1, max_size=4), st.integers(1, 40)
)
def test_boxes_cover_the_pixels_whose_centres_lie_in_them(rows: list[tuple[float, ...]], side: int) -> None:
    boxes = np.array(rows)
    centres = (np.arange(side) + 0.5) / side
    across = [(centres >= left) & (centres < left + width) for left, _, width, _ in boxes]
    down = [(centres >= top) & (centres < top + height) for _, top, _, height in boxes]
    wanted = np.any([one[:, None] & other for one, other in zip(down, across, strict=True)], axis=0)
    inside = covered(boxes, (side, side))
    # a centre on an edge may fall to either side
    near = np.abs(np.subtract.outer(centres, np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]))).min() < 1e-9
    assert near or (inside >= wanted).all()
    assert inside.any()
    alone = [covered(boxes[[number]], (side, side)) for number in range(len(boxes))]
    assert np.array_equal(inside, np.any(alone, axis=0))
