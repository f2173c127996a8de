"""What was trained on and tested on, what leaks, and what other sets say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thaw.report.data_size import crossing_lines, size_table
from thaw.report.data_size_figure import auroc_by_size
from thaw.report.external import domain_lines
from thaw.report.html.blocks import Block, Bullets, Cell, Facts, Paragraph, Section, Subheading, Table
from thaw.report.html.drawings import draw
from thaw.report.html.facts import PageFacts
from thaw.report.html.pictures import Budget
from thaw.report.html.tables import estimate, number, strategy_cells, table
from thaw.report.page import SIZES
from thaw.report.statistics_sections import NO_LEAK

Row = dict[str, Cell | str]
TASKS = {"multilabel": "any number of labels an image", "multiclass": "exactly one class an image"}
MORE = "Samples of every class, ages, views, copies and unreadable files: reports/dataset.html."
PROBES = (
    "AUROC of a linear probe that never looks at the lungs: 0.5 is chance. A network is only shown to have learned "
    "more where its AUROC lies above the probe's interval."
)
OUTSIDE = "Macro AUROC over the classes that both sets can measure; intervals over patients of each set."


def dataset(facts: PageFacts) -> Section:
    """The set, the split, and how many images of each class are where."""
    described, subject = facts.dataset, facts.results.subject
    pairs = [
        ("set", f"{subject.title} ({described['name']})"),
        ("task", f"{subject.task}: {TASKS[subject.task]}, {len(subject.classes)} classes"),
        ("images", f"{described['images']:,} of {described['patients']:,} patients"),
        ("split", subject.split),
    ]
    tables = _split_tables(facts)
    return Section("data", "Data and split", [Facts(pairs), *tables, Paragraph(MORE, soft=True)])


def _split_tables(facts: PageFacts) -> list[Table]:
    parts = _parts(facts.split)
    if not parts:
        return []
    sizes: list[Row] = [
        {"part": name, "images": number(part["images"], 0), "patients": number(part["patients"], 0),
         "share": Cell(f"{part['share']:.1%}", sort=part["share"])}
        for name, part in parts.items()
    ]  # fmt: skip
    shares: list[Row] = [
        {"class": name, **{of: _share(part["prevalence"].get(name)) for of, part in parts.items()}}
        for name in facts.results.subject.classes
    ]
    return [table("Size of the parts", sizes), table("Share of images with each class", shares)]


def _parts(split: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Train, val and test; of a cross-validation its folds."""
    if "folds" in split:
        return {f"fold {number}": part for number, part in enumerate(split["folds"], start=1)}
    return {name: part for name, part in split["splits"].items() if "prevalence" in part}


def _share(share: float | None) -> Cell:
    cell = number(share)
    return cell if share is None else Cell(f"{share:.1%}", sort=share)


def training_sizes(facts: PageFacts, figures: Budget) -> Section | None:
    """AUROC by number of training images, and where strategies change places."""
    results = facts.results
    if not results.smaller:
        return None
    drawn = draw(lambda: auroc_by_size(results), "AUROC by training images", SIZES, figures)
    return Section("sizes", "Fewer training images", [drawn, Bullets(crossing_lines(size_table(results)))])


def other_data(facts: PageFacts) -> Section | None:
    """What the strategies lose on other sets."""
    blocks: list[Block] = []
    for model, sets in facts.statistics.external.items():
        for name, found in sets.items():
            rows = [_drop(facts, model, strategy, sides) for strategy, sides in found["strategies"].items()]
            lines = [*found["sentences"], *domain_lines(found)]
            lines += [f"{missing}: not measured ({reason})." for missing, reason in found["undefined"].items()]
            blocks += [Subheading(f"{model} on {name}"), table("Inside and outside", rows), Bullets(lines)]
    return Section("other-data", "Other data", [*blocks, Paragraph(OUTSIDE, soft=True)]) if blocks else None


def _drop(facts: PageFacts, model: str, strategy: str, sides: Mapping[str, Any]) -> Row:
    told = {"inside": "test patients", "outside": "other set", "drop": "drop"}
    figures = {
        title: estimate(sides[side]["value"], (sides[side]["low"], sides[side]["high"])) for side, title in told.items()
    }
    return {**strategy_cells(facts.results, model, strategy), **figures}


def leaks(facts: PageFacts) -> Section:
    """What crosses the split, and what can be told without looking at the lungs."""
    found, warnings = facts.statistics.shortcuts, facts.statistics.warnings
    clean = not found["patients"]["crossing"] and not found["copies"]["pictures"]
    lines = [*(f"{line}." for line in warnings), *([NO_LEAK] if clean else []), *found["notes"]]
    rows: list[Row] = [
        {
            "a linear probe sees": probe["what"],
            "test macro AUROC": estimate(probe["auroc_macro"], (probe["low"], probe["high"])),
            "why not": probe["reason"] or "",
        }
        for probe in found["probes"].values()
    ]
    if not any(probe["reason"] for probe in found["probes"].values()):
        rows = [{name: cell for name, cell in row.items() if name != "why not"} for row in rows]
    blocks: list[Block] = [Bullets(lines)] if lines else []
    return Section("leaks", "Leaks and shortcuts", [*blocks, table("Probes", rows), Paragraph(PROBES, soft=True)])
