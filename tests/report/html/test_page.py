"""The page: whole, well-formed, self-contained, with every name escaped."""

from __future__ import annotations

import base64
import copy
import dataclasses
import hashlib
import itertools
import re
from pathlib import Path

import pytest

from tests.report.html.made import (
    HOSTILE,
    hostile_page,
    made_facts,
    made_results,
    plain_page,
)
from tests.report.html.parsed import Page
from tests.report.made import NO_SHORTCUTS, made_statistics
from thaw.report.html import page as page_module
from thaw.report.html.page import FAILURES, FIGURES, LIMIT, MAPS, parts, write_html
from thaw.report.html.strategies import strategies

PAGES = pytest.mark.parametrize("made", [hostile_page, plain_page])
ALL = [
    "verdict", "strategies", "cost", "differences", "classes", "roc", "confusion", "learning", "thresholds",
    "calibration", "sets", "groups", "leaks", "thawed", "maps", "measured", "moved", "features", "failures", "data",
    "provenance", "limits",
]  # fmt: skip
NOT_EXPLAINED = ("measured", "moved", "features", "failures")


def sections(html: str) -> list[str]:
    return [element.attributes["id"] for element in Page(html).of("section")]


def test_all_sections_are_there_in_order() -> None:
    assert sections(hostile_page()) == [name for name in ALL if name != "confusion"]
    assert sections(plain_page()) == [name for name in ALL if name not in NOT_EXPLAINED]
    assert "reports/gallery.csv is missing" in Page(plain_page()).words


@PAGES
def test_ids_are_unique_and_what_refers_to_them_finds_them(made) -> None:
    elements = Page(made()).elements
    ids = [element.attributes["id"] for element in elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    named = {name for element in elements for name in element.attributes.get("aria-labelledby", "").split()}
    linked = {element.attributes["href"] for element in elements if element.attributes.get("href", "").startswith("#")}
    assert named | {link[1:] for link in linked} <= set(ids)


@PAGES
def test_nothing_is_loaded_from_elsewhere(made) -> None:
    html = made()
    for element in Page(html).elements:
        for name in ("src", "href", "xlink:href", "action", "srcset", "data", "poster"):
            value = element.attributes.get(name, "#")
            assert value.startswith(("#", "data:image/")), (element.tag, name, value[:80])
    assert not re.search(r"@import|url\((?!#)", html)
    script = re.search(r"<script>(.*)</script>", html, re.DOTALL)
    assert script
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    policy = Page(html).of("meta")[1].attributes["content"]
    assert "default-src 'none'; img-src data:;" in policy
    assert f"script-src 'sha256-{digest}'" in policy


@PAGES
def test_headings_are_in_order_and_pictures_have_words(made) -> None:
    page = Page(made())
    levels = [int(element.tag[1]) for element in page.elements if re.fullmatch("h[1-6]", element.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(element.attributes.get("alt") for element in page.of("img"))
    drawn = [element for element in page.of("svg") if not element.inside or "svg" not in element.inside]
    assert drawn
    assert all(element.attributes["role"] == "img" for element in drawn)
    tables = page.of("table")
    assert len(page.of("caption")) == len(tables)
    assert all(element.attributes.get("scope") in ("col", "row") for element in page.of("th"))


def test_names_are_text_wherever_they_stand() -> None:
    html = hostile_page()
    page = Page(html)
    assert len(page.of("script")) == 1
    assert not [element for element in page.elements if "onerror" in element.attributes]
    assert not {"b", "i", "u"} & {element.tag for element in page.elements if not element.attributes.get("class")}
    for name in (*HOSTILE, "Phantom <i>chests</i>", "<u>archives</u> were not read", "<b>Hernia</b>: absent"):
        assert name in page.words


def test_no_file_name_and_no_patient_is_told() -> None:
    html = hostile_page()
    assert "Patient Zero" not in html
    assert ".png" not in re.sub(r"data:image/png;base64,[^\"]*", "", html)


@PAGES
def test_undefined_is_a_dash_and_never_a_word_of_python(made) -> None:
    words = Page(made()).words
    assert not re.search(r"\b(nan|None|NaN|Undefined)\b", words)


def test_what_no_cell_defines_is_a_dash() -> None:
    results = made_results(("Mass", "Effusion", "Hernia"), "multilabel", ("resnet18",))
    for result in results.cells:
        result.metrics["auroc_macro"] = None
        result.metrics["auroc"]["Hernia"] = None
    made, notes = strategies(made_facts(results)).blocks
    auroc = made.columns.index("AUROC")
    assert [row[auroc].undefined for row in made.rows] == [True, True]
    assert any("undefined" in note and "Hernia" in note for note in notes.items)


def test_warnings_stand_before_the_verdict() -> None:
    results = made_results(("Mass", "Effusion", "Hernia"), "multilabel", ("resnet18",))
    telling = copy.deepcopy(NO_SHORTCUTS)
    telling["patients"] |= {"crossing": 2, "leaking_test_images": 5}
    facts = made_facts(results, statistics=made_statistics(results, telling))
    kinds = [block.kind for block in page_module.verdict(facts).blocks]
    assert kinds == ["bullets", "answer"]


def test_pooled_folds_have_no_thresholds_and_the_page_says_why() -> None:
    results = made_results(("Mass", "Effusion", "Hernia"), "multilabel", ("resnet18",))
    subject = dataclasses.replace(results.subject, pooling="2 of 2 folds, out-of-fold predictions pooled")
    cells = tuple(dataclasses.replace(cell, details={}, folds=(cell, cell)) for cell in results.cells)
    facts = made_facts(results)
    pooled = dataclasses.replace(facts, results=dataclasses.replace(results, subject=subject, cells=cells))
    found = {section.name: section for _, of_part in parts(pooled, 0.0) for section in of_part}
    assert not {"thresholds", "calibration", "sets"} & set(found)
    assert any("of its own" in block.text for block in found["classes"].blocks if block.kind == "paragraph")


def test_the_budget_of_pictures_leaves_room_for_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert FIGURES + MAPS + FAILURES <= LIMIT - 1_400_000
    shares = []

    def render(_: object, share: float) -> str:
        shares.append(share)
        return "x" * int(LIMIT * 1.5 * share)

    monkeypatch.setattr(page_module, "render", render)
    write_html(tmp_path / "report.html", made_facts(made_results(("A", "B", "C"), "multilabel")))
    assert shares == [1.0, 0.5]
    assert (tmp_path / "report.html").stat().st_size < LIMIT
