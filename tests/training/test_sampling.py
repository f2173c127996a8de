"""The order and choice of an epoch's images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from thaw.labels import UNKNOWN, Task
from thaw.training.sampling import epoch_positions, image_weights

ONE_OF_THREE = np.eye(3, dtype=int)[[0] * 700 + [1] * 250 + [2] * 50]
SEVERAL = np.array([[1, 0, 0]] * 600 + [[0, 1, UNKNOWN]] * 100 + [[0, 0, 0]] * 280 + [[UNKNOWN, 0, 1]] * 20)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(st.integers(1, 50), st.integers(0, 2**32))
def test_uniform_is_the_permutation_of_the_generator(count: int, seed: int) -> None:
    positions = epoch_positions(np.ones((count, 1), dtype=int), "multilabel", "uniform", generator(seed))
    assert torch.equal(positions, torch.randperm(count, generator=generator(seed)))


def test_an_image_of_one_label_weighs_one_over_the_images_of_its_class() -> None:
    labels = np.eye(4, dtype=int)[[0, 2, 0, 1, 0, 0, 1]]  # nothing of the last class
    assert image_weights(labels, "multiclass").tolist() == [0.25, 1, 0.25, 0.5, 0.25, 0.25, 0.5]


def test_an_image_of_several_labels_weighs_the_mean_over_its_positive_ones() -> None:
    labels = np.array([[1, 1, 0], [1, 0, 0], [1, 0, UNKNOWN], [1, 1, 1], [0, 0, 0], [UNKNOWN, 0, 0]])
    expected = [(1 / 4 + 1 / 2) / 2, 1 / 4, 1 / 4, (1 / 4 + 1 / 2 + 1) / 3, 1 / 2, 1 / 2]
    assert np.allclose(image_weights(labels, "multilabel"), expected)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_labels_that_exclude_each_other_weigh_the_same_in_both_tasks(chosen: list[int]) -> None:
    labels = np.eye(4, dtype=int)[chosen]
    one, several = image_weights(labels, "multiclass"), image_weights(labels, "multilabel")
    assert np.allclose(one, several)
    # no label at all is a class too
    assert np.allclose(image_weights(labels[:, 1:], "multilabel"), several)
    assert np.allclose(one @ labels, labels.any(axis=0))


@pytest.mark.parametrize(("task", "labels"), [("multiclass", ONE_OF_THREE), ("multilabel", SEVERAL)])
def test_balanced_epochs_draw_every_class_equally_often(task: Task, labels: NDArray[np.int64]) -> None:
    source = generator()
    epochs = [epoch_positions(labels, task, "balanced", source) for _ in range(20)]
    assert {(epoch.shape, epoch.dtype) for epoch in epochs} == {((1000,), torch.int64)}
    drawn = labels[torch.cat(epochs).numpy()] == 1
    kinds = np.column_stack([drawn, ~drawn.any(axis=1)]) if task == "multilabel" else drawn
    expected = 20_000 / kinds.shape[1]
    # five standard deviations of a count of 20,000 draws
    assert (abs(kinds.sum(axis=0) - expected) < 5 * np.sqrt(expected)).all()
    # within a class every image alike: the 50 or 20 of the rarest are all among 5,000 draws or more
    assert set(np.flatnonzero(labels[:, 2] == 1)) <= set(torch.cat(epochs).tolist())


def test_balanced_draws_follow_the_generator_alone() -> None:
    first, again, other = (epoch_positions(SEVERAL, "multilabel", "balanced", generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
