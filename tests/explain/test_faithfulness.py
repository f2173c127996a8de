"""Deletion and insertion curves of a network whose probabilities can be written down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.special import expit, softmax
from torch import Tensor, nn

from thaw.backbones.catalog import Architecture
from thaw.backbones.classifier import Classifier
from thaw.explain.faithfulness import measure_faithfulness
from thaw.labels import Task

CPU = torch.device("cpu")
SIDE = 8


class Linear(nn.Module):
    """Logits are weighted sums of the pixels."""

    def __init__(self, weights: NDArray[np.float64]) -> None:
        super().__init__()
        self.head = nn.Linear(SIDE * SIDE, len(weights), bias=False)
        self.dropout = nn.Dropout()
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weights.reshape(len(weights), -1)))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.dropout(images[:, 0].flatten(1)))
        return logits


def linear(weights: NDArray[np.float64]) -> Classifier:
    black, white = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    return Classifier(Linear(weights), Architecture("torchvision", "made", (), ("head",), black, white))


def measured(
    classifier: Classifier, pixels: Any, targets: Any, maps: Any, task: Task = "multilabel", **more: Any
) -> Any:
    settings = {"steps": 4, "seed": 0, **more}
    rows, heat = np.array(targets, dtype=np.int64), np.array(maps, dtype=np.float32)
    return measure_faithfulness(classifier, pixels, rows, heat, settings["steps"], task, CPU, settings["seed"])


def some(count: int) -> tuple[Classifier, NDArray[np.uint8], NDArray[np.float64]]:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (count, SIDE, SIDE), dtype=np.uint8)
    return (
        linear(random.normal(0, 0.3, (3, SIDE, SIDE))),
        pixels,
        random.permuted(np.linspace(0, 1, 64 * count)).reshape(count, SIDE, SIDE),
    )


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_curves_by_hand(task: Task) -> None:
    classifier, pixels, maps = some(2)
    targets = [2, 0]
    weights = classifier.network.get_parameter("head.weight").detach().double().numpy()
    curves: dict[str, list[list[float]]] = {"deletion": [], "insertion": []}
    for picture, target, heat in zip(pixels / 255, targets, maps, strict=True):
        blurred = gaussian_filter(picture, SIDE / 16)
        hottest = np.argsort(-heat.ravel())
        for name, start, end in (
            ("deletion", picture, np.full_like(picture, picture.mean())),
            ("insertion", blurred, picture),
        ):
            points = []
            for count in (0, 16, 32, 48, 64):
                changed = start.flatten()
                changed[hottest[:count]] = end.ravel()[hottest[:count]]
                logits = weights @ changed
                points.append((expit(logits) if task == "multilabel" else softmax(logits))[target])
            curves[name].append(points)
    found = measured(classifier, pixels, targets, maps, task)
    assert (found["reason"], found["images"], found["fractions"]) == (None, 2, [0, 0.25, 0.5, 0.75, 1])
    for name, points in curves.items():
        mean = np.mean(points, axis=0)
        assert found[name] == pytest.approx(mean.tolist(), abs=1e-5)
        assert found[f"{name}_area"] == pytest.approx(float((mean[1:] + mean[:-1]).sum() / 8), abs=1e-5)


def test_a_map_that_knows_is_better_than_one_that_does_not() -> None:
    """A bright square is all that the network looks at."""
    weights = np.full((1, SIDE, SIDE), -2.5)
    weights[0, 2:5, 3:6] = 4
    pixels = np.full((6, SIDE, SIDE), 60, dtype=np.uint8)
    pixels[:, 2:5, 3:6] = 250
    found = measured(linear(weights), pixels, [0] * 6, np.repeat(weights > 0, 6, axis=0), steps=16)
    assert found["deletion_area"] < found["random_deletion_area"] - 0.02
    assert found["insertion_area"] > found["random_insertion_area"] + 0.05
    for name in ("deletion", "insertion"):  # the pictures at the ends are the same
        assert [found[name][0], found[name][-1]] == pytest.approx([found[f"random_{name}"][end] for end in (0, -1)])
    assert found["deletion"][0] == pytest.approx(found["insertion"][-1])


def test_equally_hot_pixels_are_taken_at_random_by_the_seed() -> None:
    classifier, pixels, _ = some(3)
    flat = np.zeros((3, SIDE, SIDE))
    one, again, other = (measured(classifier, pixels, [0, 1, 2], flat, seed=seed) for seed in (0, 0, 1))
    assert one == again
    assert one["deletion"][1:-1] != other["deletion"][1:-1]
    assert one["random_deletion"][1:-1] != other["random_deletion"][1:-1]


def test_without_images_there_is_a_reason() -> None:
    found = measured(some(1)[0], np.empty((0, SIDE, SIDE), dtype=np.uint8), [], np.empty((0, SIDE, SIDE)))
    curves = ("deletion", "insertion", "random_deletion", "random_insertion")
    assert found == {
        "reason": "there is no image to measure",
        "images": 0,
        "fractions": [0, 0.25, 0.5, 0.75, 1],
        **dict.fromkeys([*curves, *(f"{name}_area" for name in curves)]),
    }


def test_the_classifier_is_left_as_it_was() -> None:
    classifier, pixels, maps = some(2)
    classifier.train()
    weight = classifier.network.get_parameter("head.weight").detach().clone()
    assert measured(classifier, pixels, [0, 1], maps) == measured(classifier, pixels, [0, 1], maps)  # no dropout
    assert all(module.training for module in classifier.modules())
    assert torch.equal(classifier.network.get_parameter("head.weight"), weight)
