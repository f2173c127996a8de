"""Pictures inside the page: as many as fit, and the most telling first."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tests.report.html.made import made_explained, made_facts, made_results
from thaw.report.html.blocks import Drawing, Fold, Paragraph
from thaw.report.html.drawings import LARGEST_SVG, draw
from thaw.report.html.failures import failures
from thaw.report.html.gallery import gallery
from thaw.report.html.pictures import Budget, heat_uri, xray_uri

CLASSES = tuple(f"class {number}" for number in range(15))


def picture(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))


def rows_of(section) -> list:
    return [row for fold in section.blocks if isinstance(fold, Fold) for sheet in fold.blocks for row in sheet.rows]


def cards_of(section) -> list:
    return [card for fold in section.blocks if isinstance(fold, Fold) for card in fold.blocks]


def test_an_x_ray_is_shrunk_and_stays_itself() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    shown = np.asarray(picture(xray_uri(ramp)).convert("L"), dtype=float)
    assert shown.shape == (128, 128)
    assert np.abs(shown.mean(axis=0) - np.arange(0.5, 256, 2)).max() < 4


def test_heat_is_where_the_map_is() -> None:
    heat = np.zeros((56, 56), np.uint8)
    heat[:28, :28] = 255
    shown = np.asarray(picture(heat_uri(np.full((128, 128), 60, np.uint8), heat)).convert("RGB"), dtype=float)
    assert (np.ptp(shown[80:, 80:], axis=2) < 12).all()
    assert shown[20:40, 20:40, 0].mean() > 100 > shown[80:, 80:, 0].mean()


@pytest.mark.parametrize(("size", "taken"), [(99, True), (100, True), (101, False)])
def test_a_budget_is_taken_whole_or_not_at_all(size: int, taken: bool) -> None:
    budget = Budget(100)
    assert budget.take(size) == taken
    assert budget.left == (100 - size if taken else 100)


def test_a_gallery_that_does_not_fit_shows_something_of_every_class_and_says_what_is_missing() -> None:
    results = made_results(CLASSES, "multilabel", ("a", "b"))
    facts = made_facts(results, made_explained(results, examples=2))
    everything = rows_of(gallery(facts, Budget(10**9)))
    budget = Budget(sum(row.size for row in everything) // 2)
    section = gallery(facts, budget)
    shown = rows_of(section)
    assert budget.left >= 0
    assert 0.3 * len(everything) < len(shown) < 0.7 * len(everything)
    left_out = f"{len(everything) - len(shown)} of {len(everything)} images are left out"
    assert any(left_out in block.text for block in section.blocks if isinstance(block, Paragraph))
    decided = set(CLASSES[1:])  # the first has no threshold
    assert {fold.summary for fold in section.blocks if isinstance(fold, Fold)} >= decided


def test_failures_that_do_not_fit_are_those_of_other_strategies() -> None:
    results = made_results(CLASSES[:3], "multilabel", ("a",))
    facts = made_facts(results, made_explained(results, failures=2))
    everything = cards_of(failures(facts, Budget(10**9)))
    assert len(everything) == 2 * 2 * 3
    of_full = sum(card.size for card in everything[6:])
    section = failures(facts, Budget(of_full))
    folds = [block for block in section.blocks if isinstance(block, Fold)]
    assert len(folds) == 1
    assert folds[0].summary == "full: 6 of 6 errors"
    assert any("are left out" in block.text for block in section.blocks if isinstance(block, Paragraph))
    assert cards_of(failures(facts, Budget(0))) == []


def cloud(points: int) -> Figure:
    figure = Figure()
    places = np.random.default_rng(0).normal(size=(2, points))
    figure.subplots().plot(*places, "o")
    return figure


def test_a_figure_of_very_many_dots_becomes_a_picture_with_text() -> None:
    made = draw(lambda: cloud(20_000), "Cloud", "Many dots.", Budget(10**6))
    assert isinstance(made, Drawing)
    assert made.markup is not None
    assert len(made.markup) < LARGEST_SVG
    assert "<image" in made.markup


def test_a_figure_for_which_there_is_no_room_is_named() -> None:
    made = draw(lambda: cloud(10), "Cloud", "Few dots.", Budget(100))
    assert isinstance(made, Paragraph)
    assert made.text.startswith("Cloud: left out")
