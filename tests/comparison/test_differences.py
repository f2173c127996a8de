"""Pairs of strategies by macro AUROC."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.comparison.made import SETTINGS, Cohort, contender
from thaw.comparison.differences import compare_pairs
from thaw.evaluation.auroc import auroc_by_class, macro
from thaw.evaluation.bootstrap import Resampling, macro_of
from thaw.evaluation.predictions import Predictions

RANDOM = np.random.default_rng(1)
COHORT = Cohort.drawn(RANDOM, patients=300)
WORSE, BETTER = COHORT.predicted(RANDOM), COHORT.predicted(RANDOM, skill=3)


def macro_auroc(made: Predictions) -> float:
    value = macro(auroc_by_class(made.labels, made.scores))
    assert value is not None
    return value


def test_the_difference_and_its_error_are_those_of_the_same_samples_of_patients() -> None:
    found = compare_pairs([contender(BETTER, strategy="full"), contender(WORSE, strategy="frozen")], SETTINGS)[0]
    resampling = Resampling.of(WORSE.patients, SETTINGS.resamples, SETTINGS.seed)
    better, worse = (macro_of(resampling.auroc(made.labels, made.scores)) for made in (BETTER, WORSE))
    assert (found.model, found.first, found.second, found.seeds) == ("net", "full", "frozen", 1)
    assert found.first_auroc == pytest.approx(macro_auroc(BETTER))
    assert found.second_auroc == pytest.approx(macro_auroc(WORSE))
    assert found.difference == pytest.approx(macro_auroc(BETTER) - macro_auroc(WORSE))
    rarer = len(np.unique(np.concatenate([COHORT.patients[column == 1] for column in COHORT.labels.T])))
    assert found.standard_error == pytest.approx((better - worse).std(ddof=1) * np.sqrt(rarer / (rarer - 2)))
    assert found.freedom == pytest.approx(rarer - 2)
    assert (found.different, found.first_no_worse, found.second_no_worse, found.equivalent) == (
        True,
        True,
        False,
        False,
    )


def test_several_seeds_are_averaged_figure_by_figure() -> None:
    seeds = [COHORT.predicted(RANDOM), COHORT.predicted(RANDOM), COHORT.predicted(RANDOM)]
    found = compare_pairs([contender(*seeds, strategy="full"), contender(WORSE, strategy="frozen")], SETTINGS)[0]
    assert found.first_auroc == pytest.approx(np.mean([macro_auroc(made) for made in seeds]))
    assert found.seeds == 1


def test_the_order_of_images_seeds_and_sides_changes_nothing() -> None:
    order = RANDOM.permutation(len(WORSE))
    rows = {name: getattr(WORSE, name)[order] for name in ("images", "patients", "labels", "logits")}
    mixed = dataclasses.replace(WORSE, **rows)
    there = compare_pairs([contender(BETTER, WORSE, strategy="full"), contender(WORSE, strategy="frozen")], SETTINGS)[0]
    back = compare_pairs([contender(mixed, strategy="frozen"), contender(mixed, BETTER, strategy="full")], SETTINGS)[0]
    figures = dataclasses.asdict(back.seen_from("full"))
    assert figures == {
        name: pytest.approx(value, abs=1e-12) if isinstance(value, float) else value
        for name, value in dataclasses.asdict(there).items()
    }


def test_holm_counts_all_pairs_of_all_models() -> None:
    contenders = [
        contender(COHORT.predicted(RANDOM, skill=skill), strategy=strategy, model=model)
        for model in ("small", "large")
        for strategy, skill in (("frozen", 0.0), ("partial", 0.05), ("full", 0.5))
    ]
    found = compare_pairs(contenders, SETTINGS)
    assert [(one.model, one.first, one.second) for one in found] == [
        (model, *pair)
        for model in ("small", "large")
        for pair in (("frozen", "partial"), ("frozen", "full"), ("partial", "full"))
    ]
    smallest = min(found, key=lambda one: one.p or 0)
    assert smallest.p_holm == pytest.approx(min(1, 6 * (smallest.p or 0)))


def test_the_same_predictions_are_equal_for_sure() -> None:
    found = compare_pairs([contender(WORSE, strategy="full"), contender(WORSE, strategy="frozen")], SETTINGS)[0]
    assert (found.difference, found.low, found.high, found.p, found.p_holm) == (0, 0, 0, 1, 1)
    assert (found.different, found.equivalent, found.first_no_worse, found.second_no_worse) == (False, True, True, True)


def test_one_strategy_has_no_pairs() -> None:
    assert compare_pairs([contender(WORSE, strategy="full")], SETTINGS) == []
    with pytest.raises(ValueError, match="nothing to compare"):
        compare_pairs([], SETTINGS)


def test_no_pair_of_one_patient_is_called_different_or_equal() -> None:
    """All samples of one patient are the same: nothing is known of others."""
    one = dataclasses.replace(COHORT, patients=np.zeros_like(COHORT.patients))
    made = [contender(one.with_logits(made.logits), strategy=f"of {made is WORSE}") for made in (WORSE, BETTER)]
    found = compare_pairs(made, SETTINGS)[0]
    assert found.difference == pytest.approx(macro_auroc(WORSE) - macro_auroc(BETTER))
    assert (found.low, found.standard_error, found.p, found.p_holm, found.p_first_no_worse) == (None,) * 5
    assert (found.different, found.equivalent, found.first_no_worse, found.second_no_worse) == (False,) * 4
    assert found.reason


def test_without_any_class_that_has_an_auroc_all_is_none() -> None:
    none = dataclasses.replace(COHORT, labels=np.zeros_like(COHORT.labels))
    made = [contender(none.with_logits(made.logits), strategy=f"of {made is WORSE}") for made in (WORSE, BETTER)]
    found = compare_pairs(made, SETTINGS)[0]
    assert (found.first_auroc, found.difference, found.p, found.p_holm) == (None,) * 4
    assert found.reason == "the test images do not define it"


def test_equality_is_shown_by_the_two_one_sided_tests() -> None:
    """With a single pair: exactly when the interval at 2 × confidence - 1 lies within the margin."""
    near = COHORT.with_logits(WORSE.logits + 0.05 * RANDOM.normal(size=WORSE.logits.shape))
    pair = [contender(WORSE, strategy="full"), contender(near, strategy="frozen")]
    found = compare_pairs(pair, SETTINGS)[0]
    assert found.inner_low is not None
    assert found.inner_high is not None
    reach = max(-found.inner_low, found.inner_high)
    for margin, equal in ((1.01 * reach, True), (0.99 * reach, False)):
        again = compare_pairs(pair, dataclasses.replace(SETTINGS, margin=margin))[0]
        assert (again.equivalent, again.first_no_worse and again.second_no_worse) == (equal, equal)
