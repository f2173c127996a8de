"""Who is in a phantom cohort: no pixels are drawn here."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thaw.phantom import frequencies
from thaw.phantom.cohort import FINDING_COUNTS, Study, View, sample_cohort
from thaw.phantom.draw import anatomy_of
from thaw.phantom.findings import FINDINGS

VIEWS: tuple[View, ...] = ("PA", "AP", "PA")
COHORT = sample_cohort(2000, seed=0)


def by_patient(studies: list[Study]) -> dict[int, list[Study]]:
    followed: dict[int, list[Study]] = defaultdict(list)
    for study in studies:
        followed[study.patient].append(study)
    return followed


@given(images=st.integers(1, 300), seed=st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_exact_number_of_images_each_under_its_own_name(images: int, seed: int) -> None:
    names = [study.file_name for study in sample_cohort(images, seed)]
    assert len(names) == len(set(names)) == images
    assert names == sorted(names)


@given(fewer=st.integers(1, 150), more=st.integers(0, 150), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_a_smaller_cohort_begins_a_larger_one(fewer: int, more: int, seed: int) -> None:
    assert sample_cohort(fewer + more, seed)[:fewer] == sample_cohort(fewer, seed)


def test_patients_keep_their_sex_grow_no_younger_and_are_followed_in_order() -> None:
    for studies in by_patient(COHORT).values():
        assert len({study.sex for study in studies}) == 1
        assert [study.follow_up for study in studies] == list(range(len(studies)))
        ages = [study.age for study in studies]
        assert ages == sorted(ages)
        assert ages[-1] <= 95


def test_many_patients_have_one_image_and_some_have_many() -> None:
    counts = [len(studies) for studies in by_patient(COHORT).values()]
    assert 0.5 < sum(count == 1 for count in counts) / len(counts) < 0.65
    assert 10 <= max(counts) <= 20


def share(studies: list[Study], finding: str) -> float:
    return sum(finding in study.labels for study in studies) / len(studies)


@pytest.mark.parametrize("finding", frequencies.FINDINGS)
def test_label_prevalence_is_that_of_the_table(finding: str) -> None:
    images = sum(pa + ap for _, pa, ap in frequencies.LABEL_SETS)
    expected = FINDING_COUNTS[frequencies.FINDINGS.index(finding)] / images
    # follow-ups repeat findings, so that 2,000 images are worth about 800 independent ones; 3.5 standard errors
    assert abs(share(COHORT, finding) - expected) < 3.5 * math.sqrt(expected * (1 - expected) / 800)


def test_half_of_the_images_name_no_finding_and_two_of_five_are_ap() -> None:
    assert 0.49 < sum(not study.labels for study in COHORT) / 2000 < 0.62
    assert 0.34 < sum(study.view == "AP" for study in COHORT) / 2000 < 0.46


def test_edema_is_seen_mostly_on_ap_images_as_in_nih() -> None:
    edema = [study.view for study in COHORT if "Edema" in study.drawn]
    assert edema.count("AP") / len(edema) > 0.7


def test_labels_miss_some_drawn_findings_and_add_a_few() -> None:
    drawn = sum(len(study.drawn) for study in COHORT)
    missed = sum(len(set(study.drawn) - set(study.labels)) for study in COHORT)
    added = sum(len(set(study.labels) - set(study.drawn)) for study in COHORT)
    assert 0.03 < missed / drawn < 0.08
    assert 0.01 < added / len(COHORT) < 0.05


def test_follow_ups_share_findings_more_often_than_strangers() -> None:
    followed = [studies for studies in by_patient(COHORT).values() if len(studies) > 1]
    pairs = [(a, b) for studies in followed for a, b in pairwise(studies) if a.drawn]
    kept = sum(bool(set(a.drawn) & set(b.drawn)) for a, b in pairs) / len(pairs)
    assert 0.3 < kept < 0.75


def test_a_patient_keeps_the_build_while_the_view_changes_the_breath() -> None:
    plain = [Study(7, number, 40, "F", view, (), ()) for number, view in enumerate(VIEWS)]
    first, second, third = (anatomy_of(study, seed=0) for study in plain)
    assert first.half_width == second.half_width == third.half_width
    assert first.spine_bend == second.spine_bend
    assert first.lung_height != third.lung_height
    other = anatomy_of(Study(8, 0, 40, "F", "PA", (), ()), seed=0)
    assert other.half_width != first.half_width


def test_every_finding_of_the_table_can_be_drawn() -> None:
    assert tuple(FINDINGS) == frequencies.FINDINGS
    assert {name for names, _, _ in frequencies.LABEL_SETS for name in names.split("|") if name} == set(FINDINGS)
