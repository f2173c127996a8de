"""Does another strategy help the worst group: planted changes, none, and what cannot be said."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from thaw.comparison.contender import Contender
from thaw.comparison.gap_changes import gap_changes
from thaw.comparison.settings import ComparisonSettings
from thaw.errors import UserError
from thaw.evaluation.predictions import Predictions
from thaw.params.evaluation import SubgroupParams

IMAGES = 1200
RANDOM = np.random.default_rng(0)
NAMES = np.array([f"{number:04d}.png" for number in range(IMAGES)], dtype=object)
PATIENTS = np.array([f"p{number // 2}" for number in range(IMAGES)], dtype=object)
LABELS = (RANDOM.random((IMAGES, 2)) < [0.4, 0.2]).astype(np.int8)
NOISE = RANDOM.normal(size=LABELS.shape)
WOMEN = (np.arange(IMAGES) // 2) % 2 == 0
COVARIATES = pd.DataFrame(
    {"image": NAMES, "sex": np.where(WOMEN, "F", "M"), "age": np.nan, "view": "", "follow_up": np.nan}
)
ASKED = SubgroupParams(ages=[40], minimum=30)
SETTINGS = ComparisonSettings(resamples=300, confidence=0.95, margin=0.01, threshold=0.5)


def contender(
    strategy: str,
    women: float,
    men: float,
    trainable: float = 1,
    noise: NDArray[np.float64] = NOISE,
    model: str = "net",
    labels: NDArray[np.int8] = LABELS,
) -> Contender:
    """One seed whose positives lie so far above the negatives, in women and in men."""
    logits = noise + np.where(WOMEN, women, men)[:, None] * LABELS
    made = Predictions(NAMES, PATIENTS, labels, logits, ("Mass", "Edema"), "multilabel")
    return Contender(model, strategy, (made,), 1.0, None, trainable)


def changes(*contenders: Contender) -> list[dict[str, Any]]:
    found = gap_changes(contenders, COVARIATES, ASKED, SETTINGS)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def auroc(one: Contender, mask: NDArray[np.bool_]) -> float:
    return float(roc_auc_score(LABELS[mask], expit(one.predictions[0].logits[mask])))


def test_thawing_that_helps_the_worst_group_and_narrows_the_gap() -> None:
    full, frozen = contender("full", 2, 2, trainable=10), contender("frozen", 0.5, 2)
    (found,) = changes(full, frozen)
    assert [found[name] for name in ("model", "factor", "strategy", "instead_of")] == ["net", "sex", "full", "frozen"]
    assert (found["worst"], found["best"], found["classes"], found["seeds"]) == ("sex=F", "sex=M", 2, 1)
    women, men = auroc(full, WOMEN), auroc(full, ~WOMEN)
    women_before, men_before = auroc(frozen, WOMEN), auroc(frozen, ~WOMEN)
    assert found["auroc"] == pytest.approx({"sex=F": women, "sex=M": men})
    assert found["auroc_before"] == pytest.approx({"sex=F": women_before, "sex=M": men_before})
    assert found["worst_change"] == pytest.approx(women - women_before)
    assert (found["gap"], found["gap_before"]) == pytest.approx((men - women, men_before - women_before))
    assert found["gap_change"] == pytest.approx(found["gap"] - found["gap_before"])
    assert (found["worst_verdict"], found["gap_verdict"]) == ("helps", "narrows")
    assert 0 < found["worst_interval"][0] < found["worst_change"] < found["worst_interval"][1]
    assert found["gap_interval"][1] < 0
    start = f"net: full instead of frozen helps the worst group (sex=F), macro AUROC {found['worst_change']:+.3f} ("
    assert found["sentence"].startswith(start)
    assert f"; the gap to sex=M narrows, {found['gap_change']:+.3f} (" in found["sentence"]


def test_thawing_that_hurts_the_worst_group_and_widens_the_gap() -> None:
    (found,) = changes(contender("frozen", 1, 2), contender("full", 0.3, 2, trainable=10))
    assert (found["worst"], found["worst_verdict"], found["gap_verdict"]) == ("sex=F", "hurts", "widens")
    assert found["worst_interval"][1] < 0 < found["gap_interval"][0]


def test_all_are_helped_alike_and_the_gap_stays() -> None:
    (found,) = changes(contender("frozen", 0.8, 0.8), contender("full", 1.8, 1.8, trainable=10))
    assert (found["worst_verdict"], found["gap_verdict"]) == ("helps", "no change shown")
    low, high = found["gap_interval"]
    assert low < 0 < high


def test_another_noise_alone_shows_no_change() -> None:
    noise = np.random.default_rng(7).normal(size=NOISE.shape)
    (found,) = changes(contender("frozen", 1, 2), contender("full", 1, 2, trainable=10, noise=noise))
    assert (found["worst_verdict"], found["gap_verdict"]) == ("no change shown", "no change shown")
    assert "instead of frozen: no change shown for the worst group (sex=F), macro AUROC " in found["sentence"]
    for name in ("worst", "gap"):
        low, high = found[f"{name}_interval"]
        assert low < 0 < high


def test_the_same_scores_change_nothing() -> None:
    (found,) = changes(contender("frozen", 1, 2), contender("adapted", 1, 2))
    assert found["instead_of"] == "frozen"
    assert (found["worst_change"], found["worst_p_holm"], found["worst_verdict"]) == (0, 1, "no change shown")
    assert (found["gap_change"], found["gap_p_holm"], found["gap_verdict"]) == (0, 1, "no change shown")


def test_each_model_is_compared_with_its_own_most_frozen_strategy() -> None:
    found = changes(
        contender("full", 2, 2, 10, model="b"), contender("partial", 1, 2, 5, model="b"),
        contender("frozen", 0.5, 2, 1, model="b"), contender("full", 2, 2, 10, model="a"),
    )  # fmt: skip
    assert [(row["model"], row["strategy"], row["instead_of"]) for row in found] == [
        ("b", "full", "frozen"), ("b", "partial", "frozen"),
    ]  # fmt: skip
    assert all(row["worst_p_holm"] >= row["worst_p"] for row in found)


def test_seeds_are_averaged_and_make_it_less_sure() -> None:
    def seeds(strategy: str, strengths: list[float], trainable: float) -> Contender:
        made = [contender(strategy, women, 2).predictions[0] for women in strengths]
        return Contender("net", strategy, tuple(made), 1.0, None, trainable)

    steady = changes(seeds("frozen", [0.5, 0.5, 0.5], 1), seeds("full", [1, 1, 1], 10))[0]
    loose = changes(seeds("frozen", [0.2, 0.5, 0.8], 1), seeds("full", [0.6, 1, 1.4], 10))[0]
    assert steady["seeds"] == 3
    assert steady["auroc"]["sex=F"] == pytest.approx(auroc(contender("full", 1, 2), WOMEN))
    assert np.ptp(loose["worst_interval"]) > 2 * np.ptp(steady["worst_interval"])


def test_nothing_to_compare_gives_no_rows() -> None:
    pair = contender("frozen", 1, 2), contender("full", 2, 2, 10)
    assert changes() == []
    assert changes(pair[0]) == []
    assert gap_changes(pair, COVARIATES.assign(sex="F"), ASKED, SETTINGS) == []
    # men without a finding have no AUROC
    healthy = np.where(WOMEN[:, None], LABELS, 0).astype(np.int8)
    without = contender("frozen", 1, 2, labels=healthy), contender("full", 2, 2, 10, labels=healthy)
    assert changes(*without) == []


def test_an_image_that_nobody_knows_is_named() -> None:
    with pytest.raises(UserError, match=r"no row for image '0000\.png'"):
        gap_changes([contender("frozen", 1, 2)], COVARIATES[1:], ASKED, SETTINGS)
