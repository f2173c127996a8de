"""Holm's procedure against a hand-worked family and its properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from thaw.comparison.multiplicity import holm

P_VALUES = some.lists(some.floats(0, 1), max_size=12)


def test_a_family_worked_by_hand() -> None:
    """0.005 × 4, 0.01 × 3, 0.03 × 2; 0.04 × 1 may not be below the one before it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_what_was_not_tested_does_not_count() -> None:
    assert holm([0.01, None, 0.03]) == [pytest.approx(0.02), None, pytest.approx(0.03)]
    assert holm([None]) == [None]
    assert holm([]) == []


def test_no_more_than_can_be_true_together_are_multiplied() -> None:
    assert holm([0.01, 0.02, 0.03, 0.5], at_most=2) == pytest.approx([0.02, 0.04, 0.06, 0.5])


@given(P_VALUES)
def test_between_no_correction_and_bonferronis_in_the_same_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for p, after in zip(p_values, adjusted, strict=True):
        assert after is not None
        assert min(p, 1) <= after <= min(1, p * len(p_values)) + 1e-12
    pairs = sorted(zip(p_values, [after or 0 for after in adjusted], strict=True))
    assert [after for _, after in pairs] == sorted(after for _, after in pairs)


@given(P_VALUES, some.floats(0.001, 0.5))
def test_it_rejects_what_the_stepwise_procedure_rejects(p_values: list[float], level: float) -> None:
    """Holm 1979: the i-th smallest of m is compared with level / (m - i + 1) until one is not below it."""
    ordered = sorted(p_values)
    passes = [p * (len(ordered) - rank) <= level for rank, p in enumerate(ordered)]
    rejected = passes.index(False) if False in passes else len(passes)
    assert sum(after is not None and after <= level for after in holm(p_values)) == rejected
