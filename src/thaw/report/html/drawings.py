"""Figures inside the page: as <svg>, or where that would be too large as a picture."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

from markupsafe import Markup
from matplotlib.figure import Figure

from thaw.report.html.blocks import Drawing, Paragraph
from thaw.report.html.pictures import Budget
from thaw.report.style import house_style
from thaw.report.svg import inline_svg

LARGEST_SVG = 200_000  # characters; more lines and dots take longer to draw than they are worth
DPI = 110
LEFT_OUT = "{}: left out, so that the page stays small enough to be sent."


def draw(make: Callable[[], Figure], title: str, caption: str, budget: Budget) -> Drawing | Paragraph:
    """A figure of the page, or in words why it is not there.

    Args:
        make: draws it.
        title: what it is, in a few words; no other figure of the page has it.
        caption: what it shows and how it is to be read.
        budget: of all figures.
    """
    left_out = Paragraph(LEFT_OUT.format(title), soft=True)
    if budget.left <= 0:
        return left_out
    with house_style():
        figure = make()
        # dataset and split are told once, at the top
        figure.suptitle("")
        width = figure.get_figwidth()
        markup = inline_svg(figure, title, caption)
        if len(markup) > LARGEST_SVG:
            _flatten(figure)
            markup = inline_svg(figure, title, caption)
        if len(markup) <= LARGEST_SVG and budget.take(len(markup)):
            return Drawing(caption, title, width, markup=Markup(markup))  # noqa: S704 (inline_svg escapes its text)
        uri = _png_uri(figure)
    if budget.take(len(uri)):
        return Drawing(caption, title, width, uri=uri)
    return left_out


def _flatten(figure: Figure) -> None:
    """Make lines and dots one picture behind the text."""
    figure.set_dpi(DPI)
    for axes in figure.axes:
        for artist in (*axes.lines, *axes.collections):
            artist.set_rasterized(True)


def _png_uri(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
