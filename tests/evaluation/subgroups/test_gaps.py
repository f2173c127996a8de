"""The largest gap: which pair, which interval, and how often chance alone would make one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from thaw.evaluation.subgroups.figures import HIGHER_IS_BETTER, Figure
from thaw.evaluation.subgroups.gaps import largest_gaps

NAN = np.nan
TOO_FEW = "fewer than two groups that can be compared define it"


def figure(values: list[float], samples: NDArray[np.float64]) -> Figure:
    return Figure(np.array(values), samples)


def still(*values: float) -> Figure:
    """The same in 10 samples."""
    return figure(list(values), np.tile(values, (10, 1)))


def swinging(centre: float, swing: NDArray[np.float64]) -> Figure:
    return figure([centre], centre + swing[:, None])


def gap_of(groups: dict[str, Figure], name: str = "auroc", confidence: float = 0.8) -> dict[str, object]:
    return largest_gaps({group: dict.fromkeys(HIGHER_IS_BETTER, one) for group, one in groups.items()}, confidence)[
        name
    ]


def test_the_worst_and_the_best_of_three_with_their_paired_interval() -> None:
    swing = np.linspace(-0.05, 0.05, 11)
    groups = {"a": swinging(0.7, swing), "b": swinging(0.8, 0 * swing), "c": swinging(0.9, 2 * swing)}
    found = gap_of(groups)
    assert (found["worst"], found["best"]) == ("a", "c")
    assert (found["worst_value"], found["best_value"]) == (0.7, 0.9)
    assert found["gap"] == pytest.approx(0.2)
    # samples of the difference: 0.15 to 0.25 in equal steps, as both move together
    assert found["interval"] == pytest.approx([0.16, 0.24])
    # ranges without a gap are 0 to 0.1: none is as large
    assert found["p_value"] == pytest.approx(1 / 12)
    assert (found["compared"], found["classes"], found["reason"]) == (["a", "b", "c"], 1, None)


def test_of_errors_the_highest_is_the_worst() -> None:
    swing = np.linspace(-0.05, 0.05, 11)
    found = gap_of({"a": swinging(0.1, swing), "b": swinging(0.3, 0 * swing)}, "underdiagnosis_rate")
    assert (found["worst"], found["best"]) == ("b", "a")
    assert found["gap"] == pytest.approx(0.2)
    assert found["interval"] == pytest.approx([0.16, 0.24])


def test_only_classes_of_all_compared_groups_count() -> None:
    found = gap_of(
        {"a": still(0.6, 0.9, NAN), "b": still(0.7, 0.1, 0.9), "c": still(0.8, NAN, 0.5), "d": still(*[NAN] * 3)}
    )
    assert (found["worst"], found["best"], found["classes"]) == ("a", "c", 1)
    assert found["gap"] == pytest.approx(0.2)
    assert found["compared"] == ["a", "b", "c"]
    # nothing moves in these samples, so nothing is claimed
    assert found["interval"] is None
    assert found["p_value"] is None


def test_what_cannot_be_compared_says_why() -> None:
    assert gap_of({"a": still(0.6, NAN), "b": still(NAN, 0.7)})["reason"] == "no class is defined in all groups"
    assert gap_of({"a": still(0.6), "b": still(NAN)})["reason"] == TOO_FEW
    nothing = gap_of({})
    assert (nothing["gap"], nothing["interval"], nothing["worst"]) == (None, None, None)


def test_equal_groups_have_no_gap() -> None:
    swing = np.random.default_rng(0).normal(0, 0.01, 500)
    found = gap_of({"a": swinging(0.7, swing), "b": swinging(0.7, -swing)})
    assert found["gap"] == 0
    assert {found["worst"], found["best"]} == {"a", "b"}
    low, high = found["interval"]  # type: ignore[misc]
    assert low < 0 < high
    assert found["p_value"] == 1


def test_the_p_value_knows_that_the_pair_was_picked_and_the_interval_does_not() -> None:
    random, shown, excluded, rounds = np.random.default_rng(0), 0, 0, 400
    for _ in range(rounds):
        groups = {str(group): swinging(random.normal(0, 1), random.normal(0, 1, 200)) for group in range(6)}
        found = gap_of(groups, confidence=0.95)
        shown += found["p_value"] <= 0.05  # type: ignore[operator]
        excluded += found["interval"][0] > 0  # type: ignore[index]
    assert 0.02 < shown / rounds < 0.09
    assert excluded / rounds > 0.25
