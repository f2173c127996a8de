"""The whole comparison, and what becomes of it where little is known."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from tests.comparison.made import SETTINGS, Cohort, contender
from thaw.comparison.compare import compare_strategies
from thaw.comparison.contender import Contender
from thaw.labels import UNKNOWN

RANDOM = np.random.default_rng(4)
COHORT = Cohort.drawn(RANDOM, patients=200)
GRID = [
    contender(
        COHORT.predicted(RANDOM, skill),
        COHORT.predicted(RANDOM, skill),
        strategy=strategy,
        model=model,
        seconds=seconds,
    )
    for model in ("small", "large")
    for strategy, skill, seconds in (("frozen", 0.0, 10.0), ("full", 2.5, 60.0))
]


def degenerate(labels: np.ndarray, patients: np.ndarray | None = None, scale: float = 1) -> list[Contender]:
    """Two strategies on other labels (N, classes)."""
    classes = np.resize(COHORT.seen, (len(labels), labels.shape[1]))
    cohort = Cohort(COHORT.patients if patients is None else patients, labels.astype(np.int8), classes)
    return [contender(cohort.with_logits(scale * cohort.predicted(RANDOM).logits), strategy=name) for name in "ab"]


def test_models_and_their_mean_are_judged() -> None:
    found = compare_strategies(GRID, SETTINGS)
    assert [verdict.model for verdict in found.verdicts] == ["small", "large"]
    assert {verdict.recommended for verdict in found.verdicts} == {"full"}
    assert found.verdict_overall is not None
    assert found.verdict_overall.sentences[0] == "Over all models: take full, shown better than frozen."
    (overall,) = found.differences_overall
    within = [one.difference for one in found.differences]
    assert overall.difference == pytest.approx(np.mean([value or 0 for value in within]))
    assert (overall.model, overall.seeds, overall.p_holm) == (None, 2, overall.p)
    assert [(one.model, one.strategy, one.seeds, one.seconds) for one in found.standings_overall] == [
        (None, "frozen", 2, 10.0),
        (None, "full", 2, 60.0),
    ]
    assert [one.on_front for one in found.standings] == [True] * 4


def test_it_is_written_as_json_and_the_same_again_in_any_order() -> None:
    text = json.dumps(compare_strategies(GRID, SETTINGS).to_json(), allow_nan=False)
    read = json.loads(text)
    assert list(read) == [field.name for field in dataclasses.fields(compare_strategies(GRID, SETTINGS))]
    assert read["settings"]["margin"] == 0.01
    assert set(read["verdicts"][0]) == {"model", "kind", "recommended", "best", "sentences"}
    assert json.dumps(compare_strategies(GRID, SETTINGS).to_json()) == text


def test_one_model_is_not_averaged_and_a_strategy_that_a_model_lacks_neither() -> None:
    small = compare_strategies(GRID[:2], SETTINGS)
    assert (small.verdict_overall, small.standings_overall, small.differences_overall) == (None, (), ())
    lacking = compare_strategies(GRID[:3], SETTINGS)
    assert [one.strategy for one in lacking.standings_overall] == ["frozen"]
    assert lacking.verdict_overall is not None
    assert (lacking.verdict_overall.kind, lacking.differences_overall) == ("alone", ())
    assert compare_strategies([GRID[0], GRID[3]], SETTINGS).verdict_overall is None


def test_the_front_within_a_model_and_among_all() -> None:
    dearer = [dataclasses.replace(one, seconds=1e6, trainable=1e6, model="dear") for one in GRID[:2]]
    found = compare_strategies([*GRID[:2], *dearer], SETTINGS)
    assert [(one.on_front, one.on_front_of_all) for one in found.standings] == [
        (True, True),
        (True, True),
        (False, False),
        (True, False),
    ]


@pytest.mark.parametrize(
    "contenders",
    [
        pytest.param(GRID[:1], id="one strategy"),
        pytest.param(degenerate(np.zeros_like(COHORT.labels)), id="negatives only"),
        pytest.param(degenerate(np.full_like(COHORT.labels, UNKNOWN)), id="nothing known"),
        pytest.param(degenerate(COHORT.labels, scale=0), id="all scores equal"),
        pytest.param(degenerate(COHORT.labels, scale=1e6), id="probabilities of 0 and 1"),
        pytest.param(degenerate(COHORT.labels, np.zeros_like(COHORT.patients)), id="one patient"),
        pytest.param(degenerate(np.arange(len(COHORT.labels))[:, None] == [5, 5]), id="one positive"),
        pytest.param(degenerate(COHORT.labels[:1], COHORT.patients[:1]), id="one image"),
        pytest.param(degenerate(COHORT.labels[:0], COHORT.patients[:0]), id="no image"),
        pytest.param(
            degenerate(RANDOM.random((len(COHORT.labels), 15)) < [*[0.3] * 14, 0]), id="15 classes, one never positive"
        ),
    ],
)
def test_where_little_is_known_nothing_is_claimed_and_nothing_breaks(contenders: list[Contender]) -> None:
    found = compare_strategies(contenders, SETTINGS)
    json.dumps(found.to_json(), allow_nan=False)
    assert not any(one.different for one in (*found.differences, *found.class_differences, *found.accuracy_differences))
    assert found.verdicts[0].sentences[0]


def test_unknown_labels_leave_the_image_to_the_other_classes() -> None:
    labels = COHORT.labels.copy()
    labels[::3, 0] = UNKNOWN
    found = compare_strategies(degenerate(labels), SETTINGS)
    assert all(one.difference is not None for one in (*found.class_differences, *found.accuracy_differences))
