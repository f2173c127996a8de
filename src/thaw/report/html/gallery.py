"""Heat maps: the same images for all strategies of a model, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from thaw.report.explained import Explained, ExplainedCell
from thaw.report.html.blocks import Block, Cell, Fold, Paragraph, Section, Sheet, SheetRow, Subheading
from thaw.report.html.facts import PageFacts
from thaw.report.html.pictures import SIDE_PX, Budget
from thaw.report.html.shown import KINDS, heat, labels_of, xray
from thaw.report.style import colours

MISSING = "Not shown: reports/gallery.csv is missing; the stages gallery and explain make what stands here."
RULE = (
    "Chosen by a rule and by no eye, from the test images, class by class: those of which the last strategy compared "
    "is surest among the ones that it rightly finds, falsely finds, misses and rightly leaves out; and those that the"
    " first strategy compared judges otherwise, the largest change of probability first. All strategies of a model "
    "show the same images; all networks are of the first seed."
)
READ = (
    "The brighter, the more a place speaks for the class; each map is scaled to its own maximum, and where nothing "
    "speaks for the class the X-ray is bare. Below each: the calibrated probability, and what is decided. A map says "
    "where the network looks, not that it is right; the next section measures how far it can be trusted."
)
LEFT_OUT = "{} of {} images are left out, so that the page stays small enough to be sent; all maps: reports/explain/."
# where pictures must be left out, these stay longest
INFORMATIVE = ("changed", "false_positive", "false_negative", "true_positive", "true_negative")


class _Entry(NamedTuple):
    """A row of reports/gallery.csv."""

    model: str
    class_name: str
    kind: str
    place: int
    image: str


def gallery(facts: PageFacts, budget: Budget) -> Section:
    """Sheets by model, class and kind."""
    explained = facts.explained
    if explained is None:
        return Section("maps", "Where the networks look", [Paragraph(MISSING)])
    entries = _entries(explained)
    shown = _rows(entries, explained, budget)
    blocks: list[Block] = [Paragraph(RULE, soft=True), Paragraph(f"{_methods(explained)} {READ}", soft=True)]
    if len(shown) < len(entries):
        blocks.append(Paragraph(LEFT_OUT.format(len(entries) - len(shown), len(entries))))
    for model, of_model in groupby(sorted(shown), key=lambda number: entries[number].model):
        blocks += [Subheading(model), *_sheets(facts, model, list(of_model), entries, shown)]
    return Section("maps", "Where the networks look", blocks)


def _entries(explained: Explained) -> list[_Entry]:
    """The gallery's rows whose image could be read, models and classes together."""
    table = explained.gallery
    rows = zip(table["model"], table["class"], table["kind"], table["place"].astype(int), table["image"], strict=True)
    entries = [entry for row in rows if (entry := _Entry(*row)).image in explained.pixels]
    order = list(dict.fromkeys((entry.model, entry.class_name) for entry in entries))
    return sorted(entries, key=lambda entry: order.index((entry.model, entry.class_name)))


def _rows(entries: Sequence[_Entry], explained: Explained, budget: Budget) -> dict[int, SheetRow]:
    """Number of the entry → its pictures, of as many as fit: the first of each kind of all classes, then the second."""
    order = sorted(
        range(len(entries)), key=lambda number: (entries[number].place, INFORMATIVE.index(entries[number].kind), number)
    )
    rows = {}
    for number in order:
        row = _row(entries[number], explained)
        if not budget.take(row.size):
            break
        rows[number] = row
    return rows


def _row(entry: _Entry, explained: Explained) -> SheetRow:
    cells = explained.cells_of(entry.model)
    plain = xray(entry.image, labels_of(entry.image, cells[0]), explained, SIDE_PX)
    heats = [heat(entry.image, entry.class_name, cell, explained, SIDE_PX) for cell in cells]
    return SheetRow(KINDS[entry.kind], [plain, *heats])


def _sheets(
    facts: PageFacts, model: str, numbers: Sequence[int], entries: Sequence[_Entry], rows: dict[int, SheetRow]
) -> Iterator[Fold]:
    colour = colours(facts.results.strategies)
    cells: Sequence[ExplainedCell] = facts.explained.cells_of(model) if facts.explained else []
    columns = [Cell("X-ray"), *(Cell(cell.strategy, swatch=colour[cell.strategy]) for cell in cells)]
    by_class = groupby(numbers, key=lambda number: entries[number].class_name)
    for place, (name, of_class) in enumerate(by_class):
        sheet = Sheet(f"{name}: test images and heat maps of {model}", columns, [rows[number] for number in of_class])
        yield Fold(name, [sheet], opened=place == 0)


def _methods(explained: Explained) -> str:
    """How the maps were made, and of which block's output."""
    used = dict.fromkeys(
        f"{cell.measures['method']} of {cell.model}'s block {cell.measures['block']}" for cell in explained.cells
    )
    return f"Method: {', '.join(used)}."
