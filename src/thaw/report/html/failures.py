"""The errors of which networks are surest, with training images like them; and classes that are confused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from thaw.report.explained import Explained, ExplainedCell
from thaw.report.html.blocks import Block, Cell, Failure, Fold, Paragraph, Section, Subheading
from thaw.report.html.facts import PageFacts
from thaw.report.html.pictures import SIDE_PX, SMALL_PX, Budget
from thaw.report.html.shown import KINDS, heat, name_of, told, xray
from thaw.report.html.tables import number, strategy_cells, table

ABOUT = (
    "The false findings of the highest and the misses of the lowest probability, class by class, of the first seed's "
    "networks; beside each the training images whose features are nearest (cosine distance). Labels are noisy: some of "
    "these are errors of the label."
)
PAIRS = {
    "multiclass": "Images of the true class that were given the other one, and their share of the true class.",
    "multilabel": "Images with the true class, which was missed, that were falsely given the other one; and their "
    "share of all images with the true class.",
}
LEFT_OUT = "{} of {} are left out, so that the page stays small enough to be sent; all: reports/explain/."
KNOWN = {"sex": "sex", "age": "age", "view": "view", "follow_up": "follow-up"}


def failures(facts: PageFacts, budget: Budget) -> Section | None:
    """By model and strategy, the selected strategy first where not all fit."""
    explained = facts.explained
    if explained is None or not any(cell.failures or cell.pairs for cell in explained.cells):
        return None
    shown = _shown(explained, facts.results.selected, budget)
    count, most = sum(map(len, shown)), sum(len(cell.failures) for cell in explained.cells)
    blocks: list[Block] = [Paragraph(ABOUT, soft=True)]
    if count < most:
        blocks.append(Paragraph(LEFT_OUT.format(most - count, most)))
    model = ""
    for cell, cards in zip(explained.cells, shown, strict=True):
        if cards and cell.model != model:
            model = cell.model
            blocks.append(Subheading(model))
        if cards:
            # closed: forty errors of one strategy are as long as the rest of the page
            blocks.append(Fold(f"{cell.strategy}: {len(cards)} of {len(cell.failures)} errors", cards))
    return Section("failures", "Failures", [*blocks, *_confused(facts, explained)])


def _shown(explained: Explained, selected: str, budget: Budget) -> list[list[Failure]]:
    """The cards of each cell, of as many as fit: the first of each class and kind, then the second."""
    order = sorted(
        (cell.strategy != selected, rank, place, at)
        for place, cell in enumerate(explained.cells)
        for at, rank in enumerate(_ranks(cell.failures))
    )
    cards: list[dict[int, Failure]] = [{} for _ in explained.cells]
    for _, _, place, at in order:
        cell = explained.cells[place]
        card = _card(cell.failures[at], cell, explained)
        if not budget.take(card.size):
            break
        cards[place][at] = card
    return [[of_cell[at] for at in sorted(of_cell)] for of_cell in cards]


def _ranks(found: Sequence[Mapping[str, Any]]) -> list[int]:
    """The place of each failure among those of its class and kind."""
    counts: dict[tuple[str, str], int] = {}
    ranks = []
    for failure in found:
        key = (failure["class"], failure["kind"])
        ranks.append(counts.get(key, 0))
        counts[key] = ranks[-1] + 1
    return ranks


def _card(failure: Mapping[str, Any], cell: ExplainedCell, explained: Explained) -> Failure:
    image, name = failure["image"], failure["class"]
    limit = failure["threshold"]
    known = [("probability", f"{failure['probability']:.3f}" + ("" if limit is None else f" (threshold {limit:.3f})"))]
    known.append(("labelled", told(failure["labels"])))
    known += [(title, str(failure[key])) for key, title in KNOWN.items() if failure[key] is not None]
    plain = xray(image, told(failure["labels"]), explained, SIDE_PX, name_of(image, explained))
    neighbours = [
        xray(one["image"], told(one["labels"]), explained, SMALL_PX, f"{told(one['labels'])} ({one['distance']:.2f})")
        for one in failure["neighbours"]
    ]
    return Failure(
        f"{name} {KINDS[failure['kind']]}", [plain, heat(image, name, cell, explained, SIDE_PX)], known, neighbours
    )


def _confused(facts: PageFacts, explained: Explained) -> list[Block]:
    rows: list[dict[str, Cell | str]] = [
        {
            **strategy_cells(facts.results, cell.model, cell.strategy), "true": pair["true"], "given": pair["given"],
            "images": number(pair["images"], 0), "share": Cell(f"{pair['share']:.0%}", sort=pair["share"]),
        }
        for cell in explained.cells
        for pair in cell.pairs
    ]  # fmt: skip
    if not rows:
        return []
    note = Paragraph(PAIRS[facts.results.subject.task], soft=True)
    return [Subheading("Classes that are confused"), table("Most frequent confusions", rows), note]
