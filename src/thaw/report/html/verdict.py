"""The answer: which strategy to take, and what speaks against believing it."""

from __future__ import annotations

from thaw.comparison.compare import Comparison
from thaw.comparison.standing import Standing
from thaw.comparison.verdict import Kind, Verdict
from thaw.report.html.blocks import Answer, Block, Bullets, Section
from thaw.report.html.facts import PageFacts
from thaw.report.html.tables import interval
from thaw.report.markdown import figure
from thaw.report.style import colours

SHOWN: dict[Kind, str] = {
    "no worse": "shown no worse than the best",
    "better": "shown better than all others",
    "not shown": "no difference shown",
    "alone": "nothing to compare with",
    "undefined": "nothing can be said",
}


def verdict(facts: PageFacts) -> Section:
    """A verdict over all models and one a model, warnings before them."""
    statistics, comparison = facts.statistics, facts.statistics.comparison
    overall = [comparison.verdict_overall] if comparison.verdict_overall else []
    warnings: list[Block] = [Bullets(statistics.warnings, warning=True)] if statistics.warnings else []
    answers = [_answer(one, facts) for one in (*overall, *comparison.verdicts)]
    return Section("verdict", "Verdict", [*warnings, *answers])


def _answer(one: Verdict, facts: PageFacts) -> Answer:
    of = one.model or "Over all models"
    first, *reasons = one.sentences
    sentence = first.removeprefix(f"{of}: ")
    swatch = colours(facts.results.strategies).get(one.recommended or "")
    standing = _standing(one, facts.statistics.comparison)
    return Answer(
        of=of,
        sentence=sentence[:1].upper() + sentence[1:],
        figures=_figures(standing, facts) if standing else [],
        reasons=reasons,
        shown=SHOWN[one.kind],
        strategy=one.recommended,
        swatch=swatch,
    )


def _standing(one: Verdict, comparison: Comparison) -> Standing | None:
    standings = comparison.standings if one.model else comparison.standings_overall
    found = (each for each in standings if (each.model, each.strategy) == (one.model, one.recommended))
    return next(found, None)


def _figures(standing: Standing, facts: PageFacts) -> list[tuple[str, str, str]]:
    """What the strategy brings and costs: name, value, and what stands beside it."""
    found = [("macro AUROC", figure(standing.auroc_macro) or "undefined", _auroc_interval(standing, facts))]
    found.append(("seconds a training", figure(standing.seconds, 1 if standing.seconds < 100 else 0), ""))
    if standing.memory_gib is not None:
        found.append(("GiB of memory", figure(standing.memory_gib, 2), ""))
    return [*found, ("parameters trained", figure(standing.trainable, 0), _share(standing, facts))]


def _auroc_interval(standing: Standing, facts: PageFacts) -> str:
    """That of a single training; over several see the differences."""
    if standing.model is None or standing.seeds > 1:
        return ""
    metrics = facts.results.seeds_of(standing.model, standing.strategy)[0].metrics
    return interval((metrics.get("auroc_macro_low"), metrics.get("auroc_macro_high")))


def _share(standing: Standing, facts: PageFacts) -> str:
    if standing.model is None:
        return ""
    parameters = facts.results.seeds_of(standing.model, standing.strategy)[0].metrics["parameters"]
    share = standing.trainable / parameters if parameters else 0
    return f"{share:.1%} of the network" if share < 0.1 else f"{share:.0%} of the network"
