"""The most confident errors, what is told of them, and the pairs that are confused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.explain.decisions import decisions
from thaw.explain.failures import confused_pairs, with_surroundings, worst_failures
from thaw.features import Features
from thaw.labels import UNKNOWN

CLASSES = ("Mass", "Edema")
LABELS = pd.DataFrame(
    {
        "image": ["a", "b", "c", "t1", "t2"],
        "patient": ["pa", "pb", "pc", "7", "8"],
        "Mass": [0.0, 1.0, 0.0, 1.0, np.nan],
        "Edema": [1.0, 1.0, np.nan, 0.0, 1.0],
        "sex": ["F", np.nan, np.nan, "M", "M"],
        "age": [58, np.nan, 3, 1, 2],
        "view": ["PA", "AP", np.nan, "PA", "PA"],
        "follow_up": [0, 2, np.nan, 0, 0],
    }
)
DECIDED = decisions("abc", [[0, 1], [1, 1], [0, UNKNOWN]], [[0.75, 0.5], [0.25, 0.9], [0.875, 0.9]], [0.5, 0.625])
TRAIN = Features(np.array(["t1", "t2"]), np.array([[1, 0], [0, 1]], np.float32))
TEST = Features(np.array(["c", "b", "a"]), np.array([[1, 0], [0, 2], [3, 4]], np.float32))


def failure(image: str, name: str, kind: str, probability: float, threshold: float, **known: Any) -> dict[str, Any]:
    told = {"image": image, "patient": f"p{image}", "class": name, "kind": kind}
    return {**told, "probability": pytest.approx(probability), "threshold": threshold, **known}


def neighbour(image: str, distance: float, *labels: str) -> dict[str, Any]:
    return {"image": image, "distance": pytest.approx(distance, abs=1e-6), "labels": list(labels)}


def test_everything_told_of_the_surest_errors() -> None:
    told = with_surroundings(worst_failures(DECIDED, 1), CLASSES, LABELS, TRAIN, TEST, 2)
    assert told == [
        failure(
            "c", "Mass", "false_positive", 0.875, 0.5, labels=[], sex=None, age=3, view=None, follow_up=None,
            neighbours=[neighbour("t1", 0, "Mass"), neighbour("t2", 1, "Edema")],
        ),
        failure(
            "b", "Mass", "false_negative", 0.25, 0.5, labels=["Mass", "Edema"], sex=None, age=None, view="AP",
            follow_up=2, neighbours=[neighbour("t2", 0, "Edema"), neighbour("t1", 1, "Mass")],
        ),
        failure(
            "a", "Edema", "false_negative", 0.5, 0.625, labels=["Edema"], sex="F", age=58, view="PA", follow_up=0,
            neighbours=[neighbour("t2", 0.2, "Edema"), neighbour("t1", 0.4, "Mass")],
        ),
    ]  # fmt: skip
    assert [type(told[1][name]) for name in ("follow_up", "probability", "threshold")] == [int, float, float]


def test_the_most_confident_come_first_and_no_more_than_asked_for() -> None:
    order = [(one["class"], one["kind"], one["image"]) for one in worst_failures(DECIDED, 5)]
    assert order == [
        ("Mass", "false_positive", "c"), ("Mass", "false_positive", "a"), ("Mass", "false_negative", "b"),
        ("Edema", "false_negative", "a"),
    ]  # fmt: skip
    assert worst_failures(DECIDED, 0) == []
    assert with_surroundings([], CLASSES, LABELS, TRAIN, TEST, 2) == []


def test_with_one_label_an_image_no_threshold_is_told() -> None:
    decided = decisions("ab", [[1, 0], [0, 1]], [[0.2, 0.8], [0.4, 0.6]], [0.1, None], ("NORMAL", "TB"), "multiclass")
    told = worst_failures(decided, 1)
    assert [(one["class"], one["kind"], one["threshold"]) for one in told] == [
        ("NORMAL", "false_negative", None), ("TB", "false_positive", None),
    ]  # fmt: skip


def test_pairs_are_missed_and_falsely_given_instead() -> None:
    # a: Edema missed, Mass falsely given; of the two images with Edema
    assert confused_pairs(DECIDED) == [{"true": "Edema", "given": "Mass", "images": 1, "share": 0.5}]


def test_pairs_of_one_label_an_image_are_the_confusion_matrix_beside_its_diagonal() -> None:
    random, names = np.random.default_rng(0), [f"k{number}" for number in range(5)]
    true, given = random.integers(0, 5, 80), random.integers(0, 5, 80)
    probabilities = np.full((80, 5), 0.1) + 0.5 * np.eye(5)[given]
    images = [f"{number}" for number in range(80)]
    pairs = confused_pairs(decisions(images, np.eye(5, dtype=int)[true].tolist(), probabilities.tolist(), [None] * 5,
                                     names, "multiclass"))  # fmt: skip
    counts = {
        (names[one], names[other]): int(((true == one) & (given == other)).sum())
        for one in range(5) for other in range(5) if one != other
    }  # fmt: skip
    assert [(pair["true"], pair["given"], pair["images"]) for pair in pairs] == [
        (*key, counts[key]) for key in sorted(counts, key=lambda key: (-counts[key], key))[:10]
    ]
    assert [pair["share"] for pair in pairs] == [
        pair["images"] / (true == names.index(pair["true"])).sum() for pair in pairs
    ]
