"""McNemar's test against the binomial, all changes of signs, and the chi-squared approximation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from numpy.typing import NDArray
from scipy.stats import binomtest, chi2

from thaw.comparison.mcnemar import Discordance, mcnemar

DECISIONS = some.lists(some.tuples(some.booleans(), some.booleans(), some.integers(0, 5)), max_size=25)


def columns(rows: list[tuple[bool, bool, int]]) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return table[:, 0] == 1, table[:, 1] == 1, table[:, 2]


def test_a_table_worked_by_hand() -> None:
    """10 against 2: twice the chance of 2 or fewer heads of 12, 2 × (1 + 12 + 66) / 4096."""
    first, second = np.repeat([True, False, True], [10, 2, 30]), np.repeat([False, True, True], [10, 2, 30])
    assert mcnemar(first, second, np.arange(42)) == Discordance(10, 2, pytest.approx(158 / 4096))


@given(some.integers(0, 300), some.integers(0, 300), some.integers(0, 5))
def test_one_image_a_patient_is_the_exact_binomial(first_only: int, second_only: int, both: int) -> None:
    counts = [first_only, second_only, both]
    first, second = np.repeat([True, False, True], counts), np.repeat([False, True, True], counts)
    found = mcnemar(first, second, np.arange(sum(counts)))
    expected = binomtest(first_only, first_only + second_only).pvalue if first_only + second_only else 1.0
    assert found[:2] == (first_only, second_only)
    assert found.p == pytest.approx(expected, abs=1e-10)


@given(DECISIONS)
def test_it_counts_all_changes_of_sides_of_whole_patients(rows: list[tuple[bool, bool, int]]) -> None:
    first, second, patients = columns(rows)
    surplus = [int(first[patients == one].sum()) - int(second[patients == one].sum()) for one in range(6)]
    sums = [
        abs(sum(sign * of for sign, of in zip(signs, surplus, strict=True))) for signs in product([1, -1], repeat=6)
    ]
    assert mcnemar(first, second, patients).p == pytest.approx(np.mean(np.array(sums) >= abs(sum(surplus))))


def test_an_image_that_is_there_twice_is_no_further_evidence() -> None:
    first, second = np.repeat([True, False], [10, 2]), np.repeat([False, True], [10, 2])
    twice = mcnemar(np.tile(first, 2), np.tile(second, 2), np.tile(np.arange(12), 2))
    assert twice == Discordance(20, 4, pytest.approx(158 / 4096))
    assert mcnemar(np.tile(first, 2), np.tile(second, 2), np.arange(24)).p < 0.002


def test_many_images_are_nearly_mcnemars_chi_squared() -> None:
    """With the correction for continuity, on which the exact test settles."""
    first, second = np.repeat([True, False], [5200, 5000]), np.repeat([False, True], [5200, 5000])
    found = mcnemar(first, second, np.arange(10_200)).p
    assert found == pytest.approx(chi2.sf((200 - 1) ** 2 / 10_200, 1), rel=1e-3)


def test_a_chance_too_small_to_be_counted_is_not_0() -> None:
    right = np.ones(5000, dtype=bool)
    assert mcnemar(right, ~right, np.arange(5000)).p == 1e-12
