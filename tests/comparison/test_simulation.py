"""How often a comparison claims what is not so, and finds what is, over many test sets of clustered patients."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.stats import binom

from tests.comparison.made import SETTINGS, Cohort, contender
from thaw.comparison.contender import Contender
from thaw.comparison.differences import Difference, compare_pairs
from thaw.comparison.settings import ComparisonSettings
from thaw.evaluation.auroc import auroc_by_class, macro

STRATEGIES = ("head", "frozen", "partial", "full")
RUNS, FEWER_RUNS = 200, 60


def most_by_chance(runs: int) -> int:
    """False claims in so many runs that a true share of 5 % exceeds with a chance of 0.1 % only: 21 of 200."""
    return int(binom.ppf(0.999, runs, SETTINGS.level))


def runs_with(
    claim: Callable[[Difference], bool],
    drawn: Callable[[np.random.Generator], Sequence[Contender]],
    runs: int,
    settings: ComparisonSettings = SETTINGS,
) -> int:
    """In how many runs a ``claim`` is made about any pair."""
    random = np.random.default_rng(0)
    return sum(any(claim(one) for one in compare_pairs(drawn(random), settings)) for _ in range(runs))


def single(random: np.random.Generator, best: float = 0, share: float = 0.3) -> list[Contender]:
    """Four strategies with one training each, the last better by ``best``; ``share`` of the patients have a class."""
    cohort = Cohort.drawn(random, patients=150, share=share)
    skills = (0, 0, 0, best)
    return [
        contender(cohort.predicted(random, skill), strategy=strategy)
        for strategy, skill in zip(STRATEGIES, skills, strict=True)
    ]


def rare(random: np.random.Generator) -> list[Contender]:
    """As ``single``, with about 7 patients a class."""
    return single(random, share=0.05)


def repeated(random: np.random.Generator, best: float = 0) -> list[Contender]:
    """Three strategies whose three trainings differ far more than test patients explain."""
    cohort = Cohort.drawn(random, patients=150)
    return [
        contender(*(cohort.predicted(random, skill + 0.6 * random.normal()) for _ in range(3)), strategy=strategy)
        for strategy, skill in zip(STRATEGIES[1:], (0, 0, best), strict=True)
    ]


@pytest.mark.parametrize("drawn", [single, rare, repeated])
def test_without_a_difference_one_is_claimed_in_1_of_20_test_sets_at_most(
    drawn: Callable[[np.random.Generator], list[Contender]],
) -> None:
    assert runs_with(lambda found: found.different, drawn, RUNS) <= most_by_chance(RUNS)


def test_a_strategy_that_is_worse_by_the_margin_is_called_no_worse_in_1_of_20_test_sets_at_most() -> None:
    random = np.random.default_rng(1)
    many = Cohort.drawn(random, patients=40_000)
    worse, better = (macro(auroc_by_class(many.labels, many.predicted(random, skill).scores)) for skill in (0, 0.3))
    margin = (better or 0) - (worse or 0)
    assert 0.02 < margin < 0.05
    claims = runs_with(
        lambda found: found.second == "full" and found.first_no_worse,
        lambda random: single(random, best=0.3),
        RUNS,
        dataclasses.replace(SETTINGS, margin=margin),
    )
    assert claims <= most_by_chance(RUNS)


def test_a_planted_difference_is_found() -> None:
    found = runs_with(
        lambda one: one.different and one.second == "full" and (one.difference or 0) < 0,
        lambda random: single(random, best=1.2),
        FEWER_RUNS,
    )
    assert found >= 0.95 * FEWER_RUNS


def test_a_planted_difference_is_found_through_seeds_that_differ() -> None:
    found = runs_with(lambda one: one.different, lambda random: repeated(random, best=3.5), FEWER_RUNS)
    assert found >= 0.8 * FEWER_RUNS
