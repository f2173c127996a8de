"""What each strategy thawed, phase by phase."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from thaw.report.blocks_figure import thawed_blocks
from thaw.report.html.blocks import UNDEFINED, Cell, Paragraph, Section
from thaw.report.html.drawings import draw
from thaw.report.html.facts import PageFacts
from thaw.report.html.pictures import Budget
from thaw.report.html.tables import number, strategy_cells, table
from thaw.report.results import CellResult

PICTURE = (
    "The network's blocks, from the first that an image passes to the head, in every phase: blue where a block is "
    "trained, the darker the faster it learns (the rate is written in it), gray where it is frozen; filled over the "
    "epochs in which it is trained. Above: parameters of each block."
)
COSTS = "Of the first seed (and fold). Images/s: of training alone."


def thawed(facts: PageFacts, figures: Budget) -> Section | None:
    """A picture of the blocks of every phase, and what the phases cost."""
    results = facts.results
    firsts = [results.seeds_of(*pair)[0].trained[0] for pair in results.pairs]
    if not all(result.cost.get("phases") for result in firsts):
        return None
    drawn = [
        draw(partial(thawed_blocks, results, model), f"What was thawed of {model}", PICTURE, figures)
        for model in results.models
    ]
    rows = [_row(facts, result, phase) for result in firsts for phase in result.cost["phases"]]
    made = table("Phases and what they cost", rows)
    return Section("thawed", "What was thawed", [*drawn, made, Paragraph(COSTS, soft=True)])


def _row(facts: PageFacts, result: CellResult, phase: Mapping[str, Any]) -> dict[str, Cell | str]:
    blocks = phase["blocks"]
    rates = [block["learning_rate"] for block in blocks if block["learning_rate"] is not None]
    return {
        **strategy_cells(facts.results, result.cell.model, result.cell.strategy),
        "phase": number(phase["phase"], 0),
        "epochs": number(phase["epochs"], 0),
        "blocks trained": Cell(f"{len(rates)} of {len(blocks)}", sort=len(rates)),
        "highest rate": Cell(f"{max(rates):g}", sort=max(rates)) if rates else UNDEFINED,
        "lowest rate": Cell(f"{min(rates):g}", sort=min(rates)) if rates else UNDEFINED,
        "seconds": number(phase["seconds"], 1),
        "images/s": number(phase["images_per_second"], 1),
    }
