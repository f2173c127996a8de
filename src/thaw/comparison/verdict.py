"""What a comparison shows, in plain words: a strategy is named better only where the figures support it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from thaw.comparison.differences import Difference
from thaw.comparison.settings import ComparisonSettings
from thaw.comparison.standing import Standing
from thaw.comparison.statements import statement, telling
from thaw.comparison.wording import names

Kind = Literal["no worse", "better", "not shown", "alone", "undefined"]


@dataclass(frozen=True)
class Verdict:
    """Which strategy to take, and what was shown of each pair.

    Attributes:
        model: None for the mean over all models.
        kind: "no worse": the recommended one is the cheapest that is shown no worse than the best; "better": it is the
            best and shown better than every other; "not shown": it is the cheapest of those between which no difference
            was shown; "alone": there is nothing to compare it with; "undefined": no AUROC, nothing recommended.
        recommended: a strategy; None where nothing can be said.
        best: the strategy with the highest macro AUROC, shown or not; None where nothing can be said.
        sentences: the recommendation, then one a pair of strategies, then what limits them.
    """

    model: str | None
    kind: Kind
    recommended: str | None
    best: str | None
    sentences: tuple[str, ...]


class _Choice(NamedTuple):
    kind: Kind
    strategy: str
    sentence: str


def verdict_of(
    model: str | None, standings: Sequence[Standing], differences: Sequence[Difference], settings: ComparisonSettings
) -> Verdict:
    """Of one model, or over all.

    The recommended strategy is the one that takes the fewest seconds of those shown no worse than the best; if there is
    none but the best itself, the best if it is shown better than all others; else the cheapest of those that are not
    shown worse than it, with the words "no difference shown".

    Args:
        model: None for the mean over all models.
        standings: of the strategies, of this model only; at least one.
        differences: of all their pairs.
        settings: of the comparison.
    """
    of = "Over all models" if model is None else model
    # by AUROC, equals by seconds
    ranked = sorted(standings, key=lambda one: (-(one.auroc_macro or 0), one.seconds))
    best, seconds = ranked[0].strategy, {one.strategy: one.seconds for one in standings}
    if ranked[0].auroc_macro is None:
        return Verdict(model, "undefined", None, None, (f"{of}: not compared, as no class has an AUROC.",))
    if len(ranked) == 1:
        return Verdict(model, "alone", best, best, (f"{of}: nothing to compare {best} with.",))
    against = {
        other: next(one for one in differences if {one.first, one.second} == {other, best}).seen_from(other)
        for other in (one.strategy for one in ranked[1:])
    }
    choice = _choice(best, against, seconds, settings)
    pairs = [statement(telling(one, seconds), seconds, settings) for one in differences]
    sentences = (f"{of}: {choice.sentence}", *pairs, *_caveats(standings))
    return Verdict(model, choice.kind, choice.strategy, best, sentences)


def _choice(
    best: str, against: Mapping[str, Difference], seconds: Mapping[str, float], settings: ComparisonSettings
) -> _Choice:
    """Of the best and what is shown of each other strategy against it."""
    enough = [best, *(other for other, found in against.items() if found.first_no_worse)]
    cheapest = min(enough, key=seconds.__getitem__)
    if cheapest != best:
        shown = statement(against[cheapest], seconds, settings)
        return _Choice("no worse", cheapest, f"take {cheapest}, the cheapest shown no worse than the best. {shown}")
    undecided = [best, *(other for other, found in against.items() if not found.different)]
    if len(undecided) == 1:
        return _Choice("better", best, f"take {best}, shown better than {names(list(against))}.")
    cheapest = min(undecided, key=seconds.__getitem__)
    also = " and has the highest AUROC" if cheapest == best else ""
    return _Choice(
        "not shown", cheapest, f"no difference shown between {names(undecided)}; {cheapest} is the cheapest{also}."
    )


def _caveats(standings: Sequence[Standing]) -> list[str]:
    single = [one.strategy for one in standings if one.seeds == 1]
    if not single:
        return []
    return [
        f"One seed only for {names(single)}: this is about these trainings, not about the strategies; other seeds may "
        "order them otherwise."
    ]
