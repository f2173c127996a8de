"""Figures as <svg> elements: well-formed, in the page's own colours, and side by side on one page."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from thaw.report.class_figures import confusion_matrices
from thaw.report.figures import figures_of
from thaw.report.results import Results
from thaw.report.style import house_style
from thaw.report.svg import inline_svg

HOSTILE = ("肺炎", '<script>alert("1")</script>', "$\\frac$ & ' ]]>", "bell\x07", "line\nbreak")


def drawn(**changes: str) -> Figure:
    """Lines, markers, a picture, hatching, text: black, white, gray and coloured."""
    with house_style():
        figure = Figure(figsize=(4, 3), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1, 2, 3], [0, 1.123456, 0, 1], "o-", color="#0072B2", markerfacecolor="white")
        axes.plot([0, 3], [1, 1], color="#777777", alpha=0.5, linewidth=3)
        axes.bar([1, 2], [1, 2], hatch="//", color="#E69F00", edgecolor="black")
        axes.imshow(np.eye(2), extent=(0, 1, 0, 1))
        axes.text(1, 1, changes.get("text", "black"))
        axes.text(2, 1, "white", color="white")
        axes.grid(visible=True)
        return figure


def parsed(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(markup)


def identifiers(markup: str) -> list[str]:
    return [element.attrib["id"] for element in parsed(markup).iter() if "id" in element.attrib]


def referred(markup: str) -> set[str]:
    return set(re.findall(r'(?:url\(#|href="#)([^)"]+)', markup))


def test_it_is_one_element_that_names_itself() -> None:
    markup = inline_svg(drawn(), "Title <1>", "What is seen & why")
    root = parsed(markup)
    assert markup.startswith("<svg ")
    assert (root.get("role"), root.get("width"), root.get("viewBox")) == ("img", "100%", "0 0 288 216")
    title, description = list(root)[:2]
    assert (title.tag.rpartition("}")[2], title.text) == ("title", "Title <1>")
    assert (description.tag.rpartition("}")[2], description.text) == ("desc", "What is seen & why")
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert not re.search(r"<\?xml|<!DOCTYPE|<metadata|<style|xlink|<\w+:", markup)


def test_it_refers_to_nothing_outside_itself() -> None:
    markup = inline_svg(drawn(), "title", "description")
    links = re.findall(r'href="([^"]{1,30})', markup)
    assert {link[:1] if link.startswith("#") else link[:22] for link in links} == {"#", "data:image/png;base64,"}
    assert not re.search(r"\s", next(link for link in re.findall(r'href="(data:[^"]+)"', markup)))
    assert referred(markup) <= set(identifiers(markup))
    assert re.findall(r"https?://[^\"]+", markup) == ["http://www.w3.org/2000/svg"]


def test_two_figures_of_a_page_share_no_identifier() -> None:
    first, second = (inline_svg(drawn(), title, "description") for title in ("one", "two"))
    both = [*identifiers(first), *identifiers(second)]
    assert len(both) == len(set(both)) >= 8


def test_the_same_figure_is_the_same_text() -> None:
    assert inline_svg(drawn(), "title", "description") == inline_svg(drawn(), "title", "description")


def test_black_white_and_grays_are_the_pages_own() -> None:
    markup = inline_svg(drawn(), "title", "description")
    # without pictures, and without what a page without the properties shows
    grays = re.findall(r"#([0-9a-f]{2})\1\1\b", re.sub(r'href="data:[^"]+"|var\([^)]+\)', "", markup))
    assert grays == ["ff"]  # white text stands on a colour
    assert "stroke: var(--grid, #e5e5e5)" in markup
    assert "fill: var(--paper, #fff)" in markup
    assert 'fill: none" />' not in markup
    # #777777 at half strength is ink at 0.5 * (1 - 0x77 / 255)
    assert "stroke-opacity: 0.27" in markup
    assert "#0072b2" in markup
    assert "#e69f00" in markup


@pytest.mark.filterwarnings("error")
def test_text_stays_text_and_is_escaped() -> None:
    for name in HOSTILE:
        markup = inline_svg(drawn(text=name), name, name)
        texts = [element.text or "" for element in parsed(markup).iter() if element.tag.endswith("}text")]
        assert name.replace("\x07", "").splitlines()[-1] in texts
        assert "<script" not in markup


def test_every_figure_of_the_report_can_stand_on_a_page(make_results: Callable[..., Results]) -> None:
    results = make_results(strategies=("full",), task="multiclass", classes=("<b>|x", "Effusion", "$x$"))
    with house_style():
        for name, draw in figures_of(results).items():
            markup = inline_svg(draw(results), name, name)
            assert referred(markup) <= set(identifiers(markup))
            assert len(markup) < 300_000


def test_equal_markers_are_styled_once() -> None:
    with house_style():
        figure = Figure()
        figure.subplots().plot(np.arange(500), "o", color="#D55E00")
    markup = inline_svg(figure, "title", "description")
    assert markup.count("#d55e00") == 3  # edge in the definition, edge and face in the group
    assert len(re.findall(r"<use ", markup)) >= 500
    assert len(markup) < 40_000


def test_dark_cells_keep_their_white_text(make_results: Callable[..., Results]) -> None:
    results = make_results(task="multiclass", classes=("NORMAL", "PNEUMONIA"))
    with house_style():
        assert "fill: #ffffff" in inline_svg(confusion_matrices(results), "title", "description")
