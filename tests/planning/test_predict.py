"""The arithmetic, by hand and as properties; tests/planning/made.py says what is assumed to have been measured."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.planning.made import FROZEN, FULL, costs, tiny
from thaw.cells import Cell, grid, subset_grid
from thaw.params.schema import TrainParams
from thaw.planning.costs import PictureCost, Stretch
from thaw.planning.explanation import embedding_seconds, explain_seconds, passes
from thaw.planning.images import Images, Sizes
from thaw.planning.predict import Row, View, kept_bytes, predict, stretch_bytes, total, training_seconds

SIZES = Sizes(700, 150, 150)
IMAGES = Images(1000, 14, "multilabel", {(None, None): SIZES}, "made up", None, [], has_pixels=False)


TRAIN = tiny().train
FIRST, LATER = 700 * 0.1, 700 * 0.01
VAL = 150 * (0.05 + 4 * 0.005)


def settings(views: int | None, cache_gib: float = 20) -> TrainParams:
    return TRAIN.model_copy(update={"frozen_views": views, "cache_gib": cache_gib})


@pytest.mark.parametrize(
    ("views", "train", "kept"),
    [
        (None, 5 * FIRST, {0, 1, 2, 3, 4}),
        (1, FIRST + 4 * LATER, {0}),
        (3, 3 * FIRST + 2 * LATER, {0, 1, 2}),
        (9, 5 * FIRST, {0, 1, 2, 3, 4}),
    ],
)
def test_the_first_epochs_fill_what_later_ones_and_later_trainings_use(
    views: int | None, train: float, kept: set[View]
) -> None:
    known, stretches = set[View](), [Stretch(5, False, FROZEN)]
    assert training_seconds(stretches, SIZES, settings(views), known) == pytest.approx(2 + train + VAL)
    assert known == kept | {"val"}
    everything_known = 2 + 5 * (LATER + 150 * 0.005)
    assert training_seconds(stretches, SIZES, settings(views), known) == pytest.approx(everything_known)


def test_epochs_are_numbered_over_all_stretches() -> None:
    known: set[View] = {0, 1, 4, "val"}
    stretches = [Stretch(1, False, FROZEN), Stretch(2, False, FULL), Stretch(3, False, FROZEN)]
    frozen = 2 * 2 + 2 * LATER + 2 * FIRST + 4 * 150 * 0.005
    full = 3 + 2 * (700 * 0.4 + 150 * 0.05)
    assert training_seconds(stretches, SIZES, settings(None), known) == pytest.approx(frozen + full)
    assert known == {0, 1, 3, 4, 5, "val"}


def test_what_was_frozen_after_it_had_changed_is_nobody_elses() -> None:
    known: set[View] = {0, 1, "val"}
    stretches = [Stretch(2, True, FROZEN, shares=False)]
    seconds = training_seconds(stretches, SIZES, settings(1), known)
    assert seconds == pytest.approx(2 + FIRST + LATER + 150 * (0.05 + 0.005))
    assert known == {0, 1, "val"}


def test_where_an_image_may_be_drawn_twice_in_an_epoch_only_validation_is_kept() -> None:
    loss = TRAIN.loss.model_copy(update={"sampling": "balanced"})
    balanced, known = settings(None).model_copy(update={"loss": loss}), set[View]()
    stretch = Stretch(5, False, FROZEN)
    assert training_seconds([stretch], SIZES, balanced, known) == pytest.approx(2 + 5 * FIRST + VAL)
    assert known == {"val"}
    assert stretch_bytes(stretch, SIZES, balanced) == 150 * 1000
    assert stretch_bytes(stretch, SIZES, balanced.model_copy(update={"frozen_views": 2})) == (150 + 2 * 700) * 1000


def test_where_the_disk_does_not_suffice_every_epoch_computes_everything() -> None:
    needed, known = 1000 * (150 + 700) / 2**30, set[View]()
    everything, stretches = 2 + 5 * (FIRST + 150 * 0.05), [Stretch(5, False, FROZEN)]
    for _ in range(2):
        seconds = training_seconds(stretches, SIZES, settings(1, 0.99 * needed), known)
        assert seconds == pytest.approx(everything)
    assert known == set()
    assert training_seconds(stretches, SIZES, settings(1, 1.01 * needed), known) < everything / 2


@given(
    epochs=st.lists(st.integers(1, 20), min_size=1, max_size=3), views=st.none() | st.integers(1, 60),
    train=st.integers(1, 10**6), cache_gib=st.floats(0, 100), known=st.sets(st.integers(0, 60) | st.just("val")),
)  # fmt: skip
def test_keeping_never_lengthens_a_training(
    epochs: list[int], views: int | None, train: int, cache_gib: float, known: set[View]
) -> None:
    sizes, stretches = Sizes(train, 100, 100), [Stretch(several, False, FROZEN) for several in epochs]
    nothing = training_seconds(stretches, sizes, settings(views, 0), set())
    alone = training_seconds(stretches, sizes, settings(views, cache_gib), set())
    after_others = training_seconds(stretches, sizes, settings(views, cache_gib), known)
    least = 2 * len(epochs) + sum(epochs) * (train * 0.01 + 100 * 0.005)
    assert least <= after_others * (1 + 1e-9)
    assert after_others <= alone * (1 + 1e-9)
    assert alone <= nothing * (1 + 1e-9)


@pytest.mark.parametrize(
    ("epochs", "views", "kept"), [(1, None, 1), (1, 3, 1), (5, None, 5), (5, 9, 5), (5, 5, 5), (5, 2, 2)]
)
def test_every_augmentation_is_kept_once(epochs: int, views: int | None, kept: int) -> None:
    assert stretch_bytes(Stretch(epochs, False, FROZEN), SIZES, settings(views)) == (150 + kept * 700) * 1000


def test_strategies_of_a_seed_find_what_the_first_one_kept() -> None:
    cells = [Cell("resnet18", *others) for others in (
        ("frozen", 0), ("frozen", 0), ("frozen", 1), ("partial", 1), ("frozen", 0, 2), ("frozen", 0, None, 20),
    )]  # fmt: skip
    images = dataclasses.replace(IMAGES, sizes=dict.fromkeys([(None, None), (2, None), (None, 20)], SIZES))
    rows = [row for row in predict(tiny(), cells, images, costs(), 1) if row.stage.startswith("train")]
    first, later = 5 + 2 + 5 * FIRST + VAL, 5 + 2 + 5 * (LATER + 150 * 0.005)
    partial = 5 + 700 * 0.02 + 2 + 2 * (LATER + 150 * 0.005) + 3 + 3 * (700 * 0.4 + 150 * 0.05)
    assert [row.seconds for row in rows] == pytest.approx([first, later, first, partial, first, first])


def test_what_is_kept_is_shared_by_those_who_thaw_the_same_and_never_more_than_the_limit() -> None:
    cells = [Cell("resnet18", name, seed) for name in ("frozen", "partial", "full") for seed in (0, 1)]
    params = tiny(train__frozen_views=1)
    assert kept_bytes(cells, IMAGES, costs().models, params) == 2 * 1000 * (150 + 700)
    for one, two in ((500e3, 0.0), (1e6, 1e6)):
        limited = tiny(train__frozen_views=1, train__cache_gib=one / 2**30)
        assert kept_bytes(cells, IMAGES, costs().models, limited) == pytest.approx(two)


def test_what_was_frozen_after_it_had_changed_is_kept_for_each_strategy() -> None:
    measured = costs().models["resnet18"]
    shared, own = [Stretch(5, False, FROZEN)], [Stretch(5, True, FROZEN, shares=False)]
    models = {"resnet18": dataclasses.replace(measured, strategies={"a": shared, "b": shared, "c": own, "d": own})}
    cells = [Cell("resnet18", name, 0) for name in "abcd"]
    assert kept_bytes(cells, IMAGES, models, tiny()) == 3 * 1000 * (150 + 5 * 700)


def test_every_stage_of_a_grid() -> None:
    params = tiny(dataset__phantom={"images": 1000, "size": 64, "seed": 0})
    rows = {row.stage: row for row in predict(params, grid(params), IMAGES, costs(), 2, ["train resnet18-full-0"])}
    grown = 850 * 15 * 8 / 2**30
    frozen = 2 + 5 * FIRST + VAL
    full = 3 + 5 * (700 * 0.4 + 150 * 0.05)
    partial = 2 + 2 * (LATER + 150 * 0.005) + 3 + 3 * (700 * 0.4 + 150 * 0.05)
    expected = [
        Row("download (draw)", 1.5 + 1000 * 0.1 / 2, 500_000),
        Row("labels, split, inspect", 4.5),
        Row("preprocess", 1.5 + 1000 * 0.01 / 2, 128 + 1000 * 32 * 32),
        Row("weights, probe resnet18", 8 + 6, 5000),
        Row("train resnet18-frozen-0", 5 + frozen, 5000, 1 + grown),
        Row("train resnet18-partial-0", 5 + 700 * 0.02 + partial, 5000, 4 + grown),
        Row("train resnet18-full-0", 5 + full, 5000, 4 + grown, is_there=True),
        Row("kept activations", 0, 1000 * (150 + 5 * 700)),
        *(Row(f"predict resnet18-{name}-0", 5 + (300 + 700) * 0.02, 300 * (60 + 14 * 13), 0.5)
          for name in ("frozen", "partial", "full")),
        Row("evaluate", 3 * (1.5 + 0.5)),
        Row("package", 3 * 1.5, 3 * 5000),
        Row("gallery, explain", 1.5 + 3 * (5 + explain_seconds(params.explain, 14, 0.02))),
        Row("embeddings", 1.5 + embedding_seconds(params.explain, 3)),
        Row("compare", 1.5 + 9),
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
    assert rows["predict resnet18-full.fold2-0"] == pytest.approx(5 + (400 + 600) * 0.02)
    assert rows["package"] == 3 * 1.5


def test_what_is_done_or_was_not_measured_is_told_apart() -> None:
    params, there = tiny(), dataclasses.replace(IMAGES, source=Path("data/raw"), has_pixels=True)
    stages = [row.stage for row in predict(params, [], there, costs(), 1)]
    last = ["kept activations", "evaluate", "package", "gallery, explain", "embeddings", "compare"]
    assert stages == ["labels, split, inspect", "weights, probe resnet18", *last]
    unknown = dataclasses.replace(there, has_pixels=False)
    rows = predict(params, [], unknown, costs(PictureCost(None)), 1)
    assert [row.seconds for row in rows if row.stage == "preprocess"] == [None]
    assert total(rows).seconds == 4.5 + 14 + 1.5 + 1.5 + embedding_seconds(params.explain, 0) + 1.5 + 9


def test_a_few_pictures_are_decoded_by_one_process() -> None:
    few = dataclasses.replace(IMAGES, count=199)
    seconds = {row.stage: row.seconds for row in predict(tiny(), [], few, costs(), 8)}
    assert seconds["preprocess"] == pytest.approx(1.5 + 1.99)


def test_explaining_is_counted_in_passes() -> None:
    asked = tiny().explain.model_copy(update={"examples": 1, "failures": 2, "images": 40, "steps": 10})
    shown, localised, faithful, randomised = 3 * 14 * 9, 2 * 3 * 40, 8 * (3 + 4 * 11), 8 * 3 * 7
    assert passes(asked, 14) == shown + localised + faithful + randomised + 2 * 40
    assert passes(asked.model_copy(update={"images": 0}), 14) == shown
    assert embedding_seconds(asked.model_copy(update={"embedded": 0}), 3) == 0
