"""The recipes of the repository: each fits params.yaml, says what was published, and leaves nothing of another."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from thaw.backbones.catalog import ARCHITECTURES
from thaw.commands.recipe import applied, values_by_place
from thaw.params.read import validate
from thaw.recipes import read_recipe, recipe_files
from thaw.yaml_edit import load

ROOT = Path(__file__).parents[1]
FILES = recipe_files(ROOT / "recipes")
ON_TOP = ("cross-validation", "learning-curves")
SET_UPS = [name for name in FILES if name not in ON_TOP]
PARAMS = (ROOT / "params.yaml").read_text(encoding="utf-8")


def apply(name: str, text: str = PARAMS) -> str:
    return applied(text, read_recipe(FILES[name]), FILES[name])


def comments(text: str) -> list[str]:
    return re.findall(r"(?:^| )(# .*)$", text, re.MULTILINE)


def test_the_published_set_ups_are_there() -> None:
    assert SET_UPS == [
        "chexnet",
        "nih-frozen-vs-finetuned",
        "nih-six-models",
        "nih-staged-focal",
        "pneumonia-three-strategies",
        "tuberculosis-two-phases",
    ]


@pytest.mark.parametrize("name", FILES)
def test_every_recipe_is_written_into_params_with_all_comments_kept(name: str) -> None:
    after = apply(name)
    content = load(after)
    validate(content)
    for place, value in values_by_place(read_recipe(FILES[name]).params):
        found: Any = content
        for part in place:
            found = found[part]
        assert found == value, place
    assert comments(after) == comments(PARAMS)
    assert apply(name, after) == after


@pytest.mark.parametrize("name", SET_UPS)
def test_every_set_up_replaces_what_another_one_set(name: str) -> None:
    def places(recipe: str) -> set[tuple[str, ...]]:
        return {place for place, _ in values_by_place(read_recipe(FILES[recipe]).params) if place[0] != "strategies"}

    assert places(name) == places("chexnet")
    assert {place for overlay in ON_TOP for place in places(overlay)} <= places(name)
    crossed = load(apply(name, apply("cross-validation")))
    crossed["strategies"] = load(apply(name))["strategies"]
    assert crossed == load(apply(name))


@pytest.mark.parametrize("name", SET_UPS)
def test_every_set_up_brings_the_strategies_that_it_compares(name: str) -> None:
    params = read_recipe(FILES[name]).params
    assert {params["strategy"], *params["compared"]} <= set(params["strategies"])
    for phases in params["strategies"].values():
        assert all(list(phase)[:3] == ["thaw", "epochs", "lr"] for phase in phases)


@pytest.mark.parametrize("name", SET_UPS)
def test_every_set_up_says_what_was_published_and_what_is_different(name: str) -> None:
    recipe = read_recipe(FILES[name])
    assert recipe.published
    assert "\nDifferent here:\n- " in recipe.about


def test_the_last_three_blocks_are_the_last_three_features_of_efficientnet() -> None:
    assert [pattern for _, pattern in ARCHITECTURES["efficientnet_b0"].blocks[-3:]] == [
        r"features\.(6)",
        r"features\.(7)",
        r"features\.(8)",
    ]
