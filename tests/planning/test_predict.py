"""The arithmetic, by hand and as properties; tests/planning/made.py says what is assumed to have been measured."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.planning.made import FROZEN, costs, tiny
from thaw.cells import Cell, grid, subset_grid
from thaw.planning.costs import PictureCost, Stretch
from thaw.planning.images import Images, Sizes
from thaw.planning.predict import Row, kept_bytes, predict, stretch_bytes, total, training_seconds

SIZES = Sizes(700, 150, 150)
IMAGES = Images(1000, 14, "multilabel", {(None, None): SIZES}, "made up", None, [], has_pixels=False)


@pytest.mark.parametrize(
    ("views", "seconds"),
    [
        (None, 2 + 700 * 5 * 0.1 + 150 * (0.05 + 4 * 0.005)),
        (1, 2 + 700 * (0.1 + 4 * 0.01) + 150 * (0.05 + 4 * 0.005)),
        (3, 2 + 700 * (3 * 0.1 + 2 * 0.01) + 150 * (0.05 + 4 * 0.005)),
        (9, 2 + 700 * 5 * 0.1 + 150 * (0.05 + 4 * 0.005)),
    ],
)
def test_the_first_epochs_fill_what_later_ones_use(views: int | None, seconds: float) -> None:
    assert training_seconds([Stretch(5, False, FROZEN)], SIZES, views, 20) == pytest.approx(seconds)


def test_where_the_disk_does_not_suffice_every_epoch_computes_everything() -> None:
    needed = 1000 * (150 + 700) / 2**30
    everything = 2 + 5 * (700 * 0.1 + 150 * 0.05)
    assert training_seconds([Stretch(5, False, FROZEN)], SIZES, 1, 0.99 * needed) == pytest.approx(everything)
    assert training_seconds([Stretch(5, False, FROZEN)], SIZES, 1, 1.01 * needed) < everything / 2


@given(
    epochs=st.integers(1, 50), views=st.none() | st.integers(1, 60), train=st.integers(1, 10**6),
    cache_gib=st.floats(0, 100),
)  # fmt: skip
def test_keeping_never_lengthens_a_training(epochs: int, views: int | None, train: int, cache_gib: float) -> None:
    sizes, stretches = Sizes(train, 100, 100), [Stretch(epochs, False, FROZEN)]
    seconds = training_seconds(stretches, sizes, views, cache_gib)
    assert seconds <= training_seconds(stretches, sizes, None, 0) + 1e-6
    assert seconds >= 2 + train * (0.1 + (epochs - 1) * 0.01)


@pytest.mark.parametrize(
    ("epochs", "views", "images"),
    [(1, 1, 0), (5, None, 150), (5, 5, 150), (5, 2, 150 + 2 * 700)],
    ids=["one epoch", "always other views", "no view comes again", "views come again"],
)
def test_only_what_comes_again_is_kept(epochs: int, views: int | None, images: int) -> None:
    assert stretch_bytes(Stretch(epochs, False, FROZEN), SIZES, views) == images * 1000


def test_what_is_kept_is_shared_by_those_who_thaw_the_same_and_never_more_than_the_limit() -> None:
    cells = [Cell("resnet18", name, seed) for name in ("frozen", "partial", "full") for seed in (0, 1)]
    params = tiny(train__frozen_views=1)
    assert kept_bytes(cells, IMAGES, costs().models, params) == 2 * 1000 * (150 + 700)
    for one, two in ((500e3, 0.0), (1e6, 1e6)):
        limited = tiny(train__frozen_views=1, train__cache_gib=one / 2**30)
        assert kept_bytes(cells, IMAGES, costs().models, limited) == pytest.approx(two)


def test_every_stage_of_a_grid() -> None:
    params = tiny(dataset__phantom={"images": 1000, "size": 64, "seed": 0})
    rows = {row.stage: row for row in predict(params, grid(params), IMAGES, costs(), 2, ["train resnet18-full-0"])}
    grown = 850 * 15 * 8 / 2**30
    frozen = 2 + 700 * 5 * 0.1 + 150 * (0.05 + 4 * 0.005)
    full = 3 + 5 * (700 * 0.4 + 150 * 0.05)
    partial = 2 + 700 * 2 * 0.1 + 150 * (0.05 + 0.005) + 3 + 3 * (700 * 0.4 + 150 * 0.05)
    expected = [
        Row("download (draw)", 1.5 + 1000 * 0.1 / 2, 500_000),
        Row("labels, split, inspect", 4.5),
        Row("preprocess", 1.5 + 1000 * 0.01 / 2, 128 + 1000 * 32 * 32),
        Row("weights, probe resnet18", 8 + 6, 5000),
        Row("train resnet18-frozen-0", 5 + frozen, 5000, 1 + grown),
        Row("train resnet18-partial-0", 5 + 700 * 0.02 + partial, 5000, 4 + grown),
        Row("train resnet18-full-0", 5 + full, 5000, 4 + grown, is_there=True),
        Row("kept activations", 0, 1000 * 150),
        *(Row(f"evaluate resnet18-{name}-0", 5 + 300 * 0.02, 300 * (60 + 14 * 13), 0.5)
          for name in ("frozen", "partial", "full")),
        Row("compare", 1.5),
    ]  # fmt: skip
    assert list(rows) == [row.stage for row in expected]
    for row in expected:
        found = dataclasses.asdict(rows[row.stage])
        assert found == pytest.approx(dataclasses.asdict(row)), row.stage
    assert total(expected).seconds == pytest.approx(sum(row.seconds or 0 for row in rows.values()))
    assert total(expected).memory_gib == 4 + grown


def test_folds_and_subsets_have_their_own_sizes() -> None:
    params = tiny(split__folds=3, folds=[2], subsets=[20])
    sizes = {(None, None): SIZES, (2, None): Sizes(600, 200, 200), (None, 20): Sizes(20, 150, 150)}
    images = dataclasses.replace(IMAGES, sizes=sizes)
    cells = [*grid(params), *subset_grid(params)]
    rows = {row.stage: row.seconds for row in predict(params, cells, images, costs(), 1)}
    assert rows["train resnet18-full-0"] == pytest.approx(5 + 3 + 5 * (700 * 0.4 + 150 * 0.05))
    assert rows["train resnet18-full.fold2-0"] == pytest.approx(5 + 3 + 5 * (600 * 0.4 + 200 * 0.05))
    assert rows["train resnet18-full.20-0"] == pytest.approx(5 + 3 + 5 * (20 * 0.4 + 150 * 0.05))
    assert rows["evaluate resnet18-full.fold2-0"] == pytest.approx(5 + 400 * 0.02)


def test_what_is_done_or_was_not_measured_is_told_apart() -> None:
    params, there = tiny(), dataclasses.replace(IMAGES, source=Path("data/raw"), has_pixels=True)
    stages = [row.stage for row in predict(params, [], there, costs(), 1)]
    assert stages == ["labels, split, inspect", "weights, probe resnet18", "kept activations", "compare"]
    unknown = dataclasses.replace(there, has_pixels=False)
    rows = predict(params, [], unknown, costs(PictureCost(None)), 1)
    assert [row.seconds for row in rows if row.stage == "preprocess"] == [None]
    assert total(rows).seconds == 4.5 + 14 + 1.5


def test_a_few_pictures_are_decoded_by_one_process() -> None:
    few = dataclasses.replace(IMAGES, count=199)
    seconds = {row.stage: row.seconds for row in predict(tiny(), [], few, costs(), 8)}
    assert seconds["preprocess"] == pytest.approx(1.5 + 1.99)
