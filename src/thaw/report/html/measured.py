"""What heat maps are worth, measured; and which blocks training moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from thaw.report.explain_figures import block_similarity, deletion_insertion, localisation, pointing_by_class
from thaw.report.explain_figures import randomisation as randomised
from thaw.report.explained import Explained, ExplainedCell
from thaw.report.html.blocks import UNDEFINED, Block, Bullets, Cell, Fold, Section, Subheading
from thaw.report.html.drawings import draw
from thaw.report.html.facts import PageFacts
from thaw.report.html.pictures import Budget
from thaw.report.html.tables import estimate, number, strategy_cells, table
from thaw.report.results import Results

Row = dict[str, Cell | str]
Measured = Mapping[str, Mapping[str, Any]]
Make = Callable[[Results, str, Measured], Figure]
BOXES = (
    "Pointing: share of maps whose maximum lies in a box around the finding. Energy: mean share of the map's mass "
    "inside. Chance of both (dotted): the mean share of the picture that boxes cover. Overlap: of the hottest pixels,"
    " as many as the boxes cover, with the boxes (IoU). Hollow: the same network before its training."
)
BY_CLASS = "Share of maps whose maximum lies in a box, class by class; dotted: chance."
REMOVED = (
    "Probability of the class while the picture's places are removed (deletion: lower is better) or brought back "
    "(insertion: higher is better), the hottest first; dotted: in random order. A map that tells nothing does no "
    "better."
)
RANDOM = (
    "Mean rank correlation with the trained network's maps while its blocks are replaced by random ones, from the head "
    "down (Adebayo et al. 2018). Where it stays high, the map does not depend on what was learned."
)
MOVED = (
    "CKA of each block's output in the pretrained and in the trained network, on test images: 1 where training moved "
    "nothing (Kornblith et al. 2019)."
)
PARTS = {"localisation": "boxes", "faithfulness": "deletion and insertion", "randomisation": "randomisation"}


def measured(facts: PageFacts, figures: Budget) -> Section | None:
    """Localisation, faithfulness, randomisation, and similarity of blocks."""
    explained = facts.explained
    if explained is None:
        return None
    located, judged = _known(explained, "localisation"), _known(explained, "faithfulness")
    blocks: list[Block] = []
    if located:
        blocks += [
            Subheading("Do they look at the finding?"),
            *_figures(facts, explained, "localisation", (localisation, "Heat maps and boxes of {}", BOXES), figures),
            table("Heat maps against boxes", [_located(facts, cell) for cell in located]),
            Fold("Class by class", _figures(
                facts, explained, "localisation", (pointing_by_class, "Pointing of {} by class", BY_CLASS), figures
            )),
        ]  # fmt: skip
    if judged:
        blocks += [
            Subheading("Does what they show matter?"),
            *_figures(
                facts, explained, "faithfulness", (deletion_insertion, "Deletion and insertion, {}", REMOVED), figures
            ),
            table("Areas under the curves", [_areas(facts, cell) for cell in judged]),
        ]
    if _known(explained, "randomisation"):
        blocks.append(Subheading("Do they depend on what was learned?"))
        blocks += _figures(facts, explained, "randomisation", (randomised, "Randomised blocks of {}", RANDOM), figures)
    reasons = _reasons(explained)
    if reasons:
        blocks.append(Bullets(reasons))
    return Section("measured", "What the maps are worth", blocks) if blocks else None


def moved(facts: PageFacts, figures: Budget) -> Section | None:
    """Which blocks training moved."""
    explained = facts.explained
    if explained is None:
        return None
    measures = {model: _of_model(explained, model) for model in facts.results.models}
    drawn = [
        draw(partial(block_similarity, facts.results, model, found), f"Blocks of {model}", MOVED, figures)
        for model, found in measures.items()
        if any(one["similarity"] for one in found.values())
    ]
    return Section("moved", "Which blocks moved", drawn) if drawn else None


def _figures(
    facts: PageFacts, explained: Explained, part: str, what: tuple[Make, str, str], figures: Budget
) -> list[Block]:
    """A figure a model for which the part was measured: its maker, title and caption."""
    make, title, caption = what
    models = dict.fromkeys(cell.model for cell in _known(explained, part))
    return [
        draw(partial(make, facts.results, model, _of_model(explained, model)), title.format(model), caption, figures)
        for model in models
    ]


def _of_model(explained: Explained, model: str) -> dict[str, Mapping[str, Any]]:
    return {cell.strategy: cell.measures for cell in explained.cells_of(model)}


def _located(facts: PageFacts, cell: ExplainedCell) -> Row:
    told = cell.measures["localisation"]
    trained, untrained = told["trained"] or {}, told["untrained"] or {}
    row = {**strategy_cells(facts.results, cell.model, cell.strategy), "maps": number(trained.get("maps"), 0)}
    for name, of in (("pointing", trained), ("pointing, untrained", untrained)):
        row[name] = estimate(of.get("pointing"), (of.get("pointing_low"), of.get("pointing_high")))
    row["chance"] = number(trained.get("area"))
    for name in ("energy", "overlap"):
        row |= {name: number(trained.get(name)), f"{name}, untrained": number(untrained.get(name))}
    return row


def _areas(facts: PageFacts, cell: ExplainedCell) -> Row:
    told = cell.measures["faithfulness"]
    return {
        **strategy_cells(facts.results, cell.model, cell.strategy),
        "images": number(told["images"], 0),
        "deletion": _better(told["deletion_area"], told["random_deletion_area"], lower=True),
        "random deletion": number(told["random_deletion_area"]),
        "insertion": _better(told["insertion_area"], told["random_insertion_area"], lower=False),
        "random insertion": number(told["random_insertion_area"]),
    }


def _better(value: float | None, chance: float | None, *, lower: bool) -> Cell:
    """An area, marked where it is no better than that of the random order."""
    if value is None:
        return UNDEFINED
    good = chance is None or (value < chance if lower else value > chance)
    return Cell(number(value).text, sort=value, mark="" if good else "bad")


def _known(explained: Explained, part: str) -> list[ExplainedCell]:
    return [cell for cell in explained.cells if cell.measures[part]["reason"] is None]


def _reasons(explained: Explained) -> list[str]:
    """Why something was not measured, once for all cells that share the reason."""
    found = dict.fromkeys(
        f"{title}: {reason}." for part, title in PARTS.items() for cell in explained.cells
        if (reason := cell.measures[part]["reason"])
    )  # fmt: skip
    return [f"Not measured, {line}" for line in found]
