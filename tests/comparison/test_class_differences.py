"""Pairs of strategies class by class."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.stats import t as student

from tests.comparison.made import SETTINGS, Cohort, contender
from thaw.comparison.class_differences import ClassDifference, class_differences
from thaw.comparison.contender import Contender
from thaw.comparison.estimate import FEW
from thaw.comparison.multiplicity import holm
from thaw.comparison.resampled import measure_contenders
from thaw.evaluation.delong import clustered_delong
from thaw.labels import UNKNOWN

RANDOM = np.random.default_rng(2)
COHORT = Cohort.drawn(RANDOM, patients=200, classes=3)
COHORT.labels[::7, 1] = UNKNOWN
MADE = [COHORT.predicted(RANDOM, skill=skill) for skill in (0.0, 0.6, 0.2)]
CONTENDERS = [contender(made, strategy=name) for made, name in zip(MADE, ("frozen", "full", "head"), strict=True)]


def compared(contenders: list[Contender]) -> list[ClassDifference]:
    return class_differences(*measure_contenders(contenders, SETTINGS), SETTINGS)


def test_one_seed_is_delongs_test_with_patients_as_clusters() -> None:
    found = compared(CONTENDERS)
    assert [(one.first, one.second, one.class_name) for one in found] == [
        (*pair, f"class {place}")
        for pair in (("frozen", "full"), ("frozen", "head"), ("full", "head"))
        for place in range(3)
    ]
    for place, one in enumerate(found[:3]):
        scores = np.stack([made.scores[:, place] for made in MADE[:2]], axis=1)
        auroc, covariance = clustered_delong(COHORT.labels[:, place], scores, MADE[0].patients)
        error = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
        rarer = min(len(np.unique(COHORT.patients[COHORT.labels[:, place] == label])) for label in (0, 1))
        assert (one.method, one.reason) == ("DeLong", None)
        assert (one.first_auroc, one.second_auroc) == pytest.approx(tuple(auroc))
        assert one.difference == pytest.approx(auroc[0] - auroc[1])
        assert one.standard_error == pytest.approx(error)
        assert one.p == pytest.approx(2 * student.sf(abs(auroc[0] - auroc[1]) / error, rarer - 1))
        assert (one.low, one.high) == pytest.approx(student.interval(0.95, rarer - 1, auroc[0] - auroc[1], error))
    assert [one.p_holm for one in found[:3]] == pytest.approx(holm([one.p for one in found[:3]]))


def test_several_seeds_are_compared_by_samples_which_agree_with_delong_where_there_is_one() -> None:
    """The same predictions as two seeds: their samples alone say what DeLong says."""
    twice = [dataclasses.replace(one, predictions=one.predictions * 2) for one in CONTENDERS]
    for by_samples, by_delong in zip(compared(twice), compared(CONTENDERS), strict=True):
        assert by_samples.method == "resampling"
        assert by_samples.difference == pytest.approx(by_delong.difference)
        assert by_samples.standard_error == pytest.approx(by_delong.standard_error, rel=0.25)


def test_a_class_without_positives_is_undefined_and_one_patient_alone_tells_no_error() -> None:
    labels = COHORT.labels.copy()
    labels[:, 0] = 0
    labels[:, 1] = COHORT.patients == 5
    rare = dataclasses.replace(COHORT, labels=labels)
    made = [contender(rare.with_logits(made.logits), strategy=str(place)) for place, made in enumerate(MADE[:2])]
    never, lone, usual = compared(made)
    assert (never.difference, never.p, never.p_holm, never.low) == (None,) * 4
    assert never.reason == "the test images do not define it"
    assert lone.difference is not None
    assert (lone.p, lone.p_holm, lone.high, lone.reason) == (None, None, None, FEW)
    assert usual.p_holm == usual.p


def test_the_same_scores_do_not_differ() -> None:
    same = [CONTENDERS[0], dataclasses.replace(CONTENDERS[0], strategy="again")]
    assert [(one.difference, one.low, one.high, one.p, one.different) for one in compared(same)] == [
        (0, 0, 0, 1, False)
    ] * 3
