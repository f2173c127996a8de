from __future__ import annotations

import dataclasses
import json

import pytest

from thaw.errors import UserError
from thaw.evaluation.predictions import Predictions
from thaw.external.drop import measure_external
from thaw.external.strategies import drops_by_strategy

from .made import AS_IT_IS, predictions, ranked, settings


def scored(made: Predictions, like: Predictions) -> Predictions:
    """The same images and labels with the logits of other predictions."""
    return dataclasses.replace(made, logits=like.logits)


def pair(inside: float, outside: float, seed: int) -> tuple[Predictions, Predictions]:
    inner, outer = ranked(150, 0, 0), ranked(120, 0, 1)
    return scored(inner, ranked(150, inside, 2 * seed)), scored(outer, ranked(120, outside, 2 * seed + 1))


def test_the_strategy_that_drops_more_is_found() -> None:
    found = drops_by_strategy({"full": [pair(2.5, 0.5, 1)], "frozen": [pair(1.5, 1.3, 2)]}, "covid", settings())
    assert list(found["strategies"]) == ["full", "frozen"]
    (difference,) = found["differences"]
    assert (difference["more"], difference["less"]) == ("full", "frozen")
    drops = [found["strategies"][name]["drop"]["value"] for name in ("full", "frozen")]
    assert difference["difference"]["value"] == pytest.approx(drops[0] - drops[1])
    assert difference["difference"]["low"] > 0
    full, frozen, both = found["sentences"]
    assert full.startswith("full: macro AUROC is 0.9")
    assert " on test patients and 0.6" in full
    assert "95 % interval" in full
    assert frozen.endswith("No drop is shown.")
    assert "No drop is shown." not in full
    assert both.startswith("full drops by 0.")
    assert " more than frozen (95 % interval " in both
    assert "No difference" not in both
    json.dumps(found, allow_nan=False)


def test_the_drop_of_one_training_is_that_of_its_own_measures() -> None:
    inner, outer = pair(2.0, 1.0, 1)
    found = drops_by_strategy({"full": [(inner, outer)]}, "covid", settings())
    alone = measure_external(inner, outer, AS_IT_IS, [0.5], settings())
    assert found["strategies"]["full"]["drop"] == alone["drop"]["auroc_macro"]
    assert found["strategies"]["full"]["outside"] == alone["outside"]["auroc_macro"]
    assert found["differences"] == []


def test_a_strategy_is_the_mean_of_its_seeds() -> None:
    seeds = [pair(2.0, 1.0, seed) for seed in (1, 2, 3)]
    found = drops_by_strategy({"full": seeds}, "covid", settings())
    alone = [drops_by_strategy({"full": [seed]}, "covid", settings()) for seed in seeds]
    drops = [one["strategies"]["full"]["drop"]["value"] for one in alone]
    assert found["strategies"]["full"]["drop"]["value"] == pytest.approx(sum(drops) / 3)


def test_a_difference_is_paired_on_the_same_patients() -> None:
    one = pair(1.0, 0.5, 1)
    twin = tuple(dataclasses.replace(made, logits=made.logits * 2 + 1) for made in one)
    found = drops_by_strategy({"frozen": [one], "full": [(twin[0], twin[1])]}, "covid", settings())
    assert found["differences"][0]["difference"] == {"value": 0.0, "low": None, "high": None}
    assert found["sentences"][-1] == "frozen drops by 0.000 more than full (no interval). No difference is shown."


def test_without_a_class_to_measure_it_says_so() -> None:
    blank = predictions([-1, -1], [0, 1])
    found = drops_by_strategy({name: [(blank, blank)] for name in ("frozen", "full")}, "covid", settings())
    assert found["strategies"]["full"]["drop"] == {"value": None, "low": None, "high": None}
    assert found["sentences"] == [
        "frozen: what is lost on covid is unknown; no class can be measured in both sets.",
        "full: what is lost on covid is unknown; no class can be measured in both sets.",
        "frozen and full: their drops cannot be compared.",
    ]
    json.dumps(found, allow_nan=False)


def test_other_images_are_refused() -> None:
    inner, outer = pair(1.0, 0.5, 1)
    other = dataclasses.replace(outer, patients=outer.patients[::-1])
    with pytest.raises(UserError, match="a training of full has other images of the other set than one of frozen"):
        drops_by_strategy({"frozen": [(inner, outer)], "full": [(inner, other)]}, "covid", settings())
    with pytest.raises(ValueError, match="without predictions"):
        drops_by_strategy({"frozen": []}, "covid", settings())
