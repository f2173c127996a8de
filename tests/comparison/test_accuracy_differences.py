"""Pairs of strategies by accuracy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import t as student

from tests.comparison.made import SETTINGS, Cohort, contender
from thaw.comparison.accuracy_differences import AccuracyDifference, accuracy_differences
from thaw.comparison.contender import Contender
from thaw.comparison.mcnemar import mcnemar
from thaw.comparison.multiplicity import holm
from thaw.comparison.resampled import measure_contenders
from thaw.evaluation.bootstrap import Resampling
from thaw.evaluation.metrics import measure
from thaw.evaluation.predictions import Predictions
from thaw.labels import UNKNOWN

RANDOM = np.random.default_rng(3)
COHORT = Cohort.drawn(RANDOM, patients=80, classes=2)
COHORT.labels[::5, 1] = UNKNOWN
FIRST, SECOND = COHORT.predicted(RANDOM), COHORT.predicted(RANDOM, skill=1.5)


def compared(*contenders: Contender) -> list[AccuracyDifference]:
    return accuracy_differences(*measure_contenders(contenders, SETTINGS), SETTINGS)


def accuracy(made: Predictions) -> float:
    return float(measure(made.labels, made.logits, made.classes, made.task, SETTINGS.threshold)["accuracy"])


def one_label() -> list[Predictions]:
    """Of three classes, each image of exactly one."""
    drawn = Cohort.drawn(RANDOM, patients=80, classes=3)
    chosen = RANDOM.integers(0, 3, 80)[drawn.patients]
    single = dataclasses.replace(drawn, labels=(chosen[:, None] == np.arange(3)).astype(np.int8))
    return [single.predicted(RANDOM, skill, task="multiclass") for skill in (0.5, 1.5)]


def test_several_labels_all_decisions_and_then_each_class() -> None:
    found = compared(contender(FIRST, strategy="frozen"), contender(SECOND, strategy="full"))
    assert [one.class_name for one in found] == [None, "class 0", "class 1"]
    known = COHORT.labels != UNKNOWN
    first, second = ((made.scores >= 0.5) == COHORT.labels for made in (FIRST, SECOND))
    for one, columns in zip(found, ([0, 1], [0], [1]), strict=True):
        judged = known[:, columns]
        patients = np.repeat(COHORT.patients[:, None], len(columns), axis=1)[judged]
        test = mcnemar(first[:, columns][judged], second[:, columns][judged], patients)
        assert (one.first_only, one.second_only, one.p, one.method) == (*test, "McNemar")
        assert one.difference == pytest.approx((test.first_only - test.second_only) / judged.sum())
    assert found[0].first_accuracy == pytest.approx(accuracy(FIRST))
    assert found[0].second_accuracy == pytest.approx(accuracy(SECOND))
    assert found[0].p_holm == found[0].p
    assert [one.p_holm for one in found[1:]] == pytest.approx(holm([one.p for one in found[1:]]))


def test_one_label_an_image_is_a_single_decision() -> None:
    made = one_label()
    (found,) = compared(contender(made[0], strategy="frozen"), contender(made[1], strategy="full"))
    first, second = (one.scores.argmax(axis=1) == one.labels.argmax(axis=1) for one in made)
    assert (found.class_name, found.first_only) == (None, int((first & ~second).sum()))
    assert (found.first_accuracy, found.second_accuracy) == pytest.approx((accuracy(made[0]), accuracy(made[1])))
    resampling = Resampling.of(made[0].patients, SETTINGS.resamples, SETTINGS.seed)
    counts = resampling.sums(np.stack([first, second, np.ones_like(first)], axis=1))
    error = np.std((counts[:, 0] - counts[:, 1]) / counts[:, 2], ddof=1) * np.sqrt(80 / 79)
    assert found.low == pytest.approx((found.difference or 0) - student.ppf(0.975, 79) * error)


def test_several_seeds_have_no_table_of_pairs() -> None:
    found = compared(contender(FIRST, SECOND, strategy="frozen"), contender(SECOND, FIRST, strategy="full"))
    for one in found:
        assert (one.first_only, one.second_only, one.method, one.p) == (None, None, "resampling", 1.0)
        assert one.difference == pytest.approx(0, abs=1e-12)


def test_all_pairs_of_all_models_are_the_family_of_all_decisions() -> None:
    made = one_label()
    contenders = [
        contender(one, strategy=strategy, model=model)
        for model in ("small", "large")
        for one, strategy in zip(made, ("frozen", "full"), strict=True)
    ]
    found = compared(*contenders)
    assert [one.p_holm for one in found] == pytest.approx([min(1, 2 * (one.p or 0)) for one in found])


def test_where_no_label_is_known_nothing_is_compared() -> None:
    unknown = dataclasses.replace(COHORT, labels=np.full_like(COHORT.labels, UNKNOWN))
    made = [unknown.with_logits(one.logits) for one in (FIRST, SECOND)]
    for one in compared(contender(made[0], strategy="frozen"), contender(made[1], strategy="full")):
        assert (one.first_accuracy, one.difference, one.p, one.p_holm, one.low) == (None,) * 5
        assert one.reason == "the test images do not define it"
