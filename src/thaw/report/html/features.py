"""What networks make of images before the head: pictures of two axes, and what lies beside what."""

from __future__ import annotations

from functools import partial
from typing import get_args

from thaw.report.embedding_figure import WHAT, ColourBy, embedding_figure, neighbourhood_purity
from thaw.report.explained import Explained
from thaw.report.html.blocks import Block, Cell, Fold, Section, Subheading
from thaw.report.html.drawings import draw
from thaw.report.html.facts import PageFacts
from thaw.report.html.pictures import Budget
from thaw.report.html.tables import number, strategy_cells, table

PICTURE = "A dot an image: a row a strategy, a column a method. Such pictures distort; the purity beside them does not."
PURITY = (
    "Mean share of an image's nearest neighbours, in the full feature space and of other patients only, that share its "
    "value; dotted: neighbours drawn at random."
)


def features(facts: PageFacts, figures: Budget) -> Section | None:
    """Embeddings of every model by label, error, sex, view and set, and the purity of neighbourhoods."""
    explained = facts.explained
    if explained is None or explained.embeddings.empty:
        return None
    blocks: list[Block] = []
    for model in dict.fromkeys(explained.embeddings["model"]):
        blocks += [Subheading(model), *_of_model(facts, explained, model, figures)]
    return Section("features", "Features", blocks)


def _of_model(facts: PageFacts, explained: Explained, model: str, figures: Budget) -> list[Block]:
    purity = explained.purity.get(model, {})
    blocks: list[Block] = []
    if purity:
        drawn = partial(neighbourhood_purity, facts.results, model, purity)
        blocks.append(draw(drawn, f"Purity of neighbourhoods, {model}", PURITY, figures))
        blocks.append(Fold("In numbers", [table(f"Purity and chance, {model}", _rows(facts, explained, model))]))
    pictures = [
        Fold(f"By {WHAT[by]}", [_picture(facts, explained, model, by, figures)], opened=place == 0)
        for place, by in enumerate(get_args(ColourBy))
    ]
    return [*blocks, *pictures]


def _picture(facts: PageFacts, explained: Explained, model: str, by: ColourBy, figures: Budget) -> Block:
    drawn = partial(embedding_figure, explained.embeddings, model, by, facts.results.subject)
    return draw(drawn, f"Features of {model} by {WHAT[by]}", PICTURE, figures)


def _rows(facts: PageFacts, explained: Explained, model: str) -> list[dict[str, Cell | str]]:
    rows = []
    for strategy, told in explained.purity[model].items():
        row = strategy_cells(facts.results, model, strategy)
        for kind, found in told["purity"].items():
            row |= {kind: number(found["value"]), f"{kind}, chance": number(found["chance"])}
        rows.append(row)
    return rows
