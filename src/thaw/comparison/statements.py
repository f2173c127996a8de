"""What is shown of one pair of strategies, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping

from thaw.comparison import wording
from thaw.comparison.differences import Difference
from thaw.comparison.settings import ComparisonSettings


def statement(found: Difference, seconds: Mapping[str, float], settings: ComparisonSettings) -> str:
    """The strongest thing that is shown for the first strategy of a pair, with the figures it rests on.

    Better, then as good within the margin, then no worse, else "no difference shown". Claims about the margin give the
    interval that tests them (see ``Estimate.interval``), the others the one at the confidence.

    Args:
        found: the pair; see ``telling``.
        seconds: that a training of each strategy takes.
        settings: of the comparison.
    """
    if found.difference is None or found.low is None or found.high is None:
        return f"No difference shown between {found.first} and {found.second}: {found.reason}."
    if found.different and found.difference > 0:
        return _better(found, seconds, settings)
    if found.first_no_worse:
        return _no_worse(found, seconds, settings)
    figure = wording.amount(found.difference)
    interval = wording.interval(found.low, found.high, settings.confidence)
    if found.different:
        return f"{found.first} is worse than {found.second}: {figure} AUROC ({interval}, {_p(found.p_holm)})."
    few = "test set is" if found.seeds == 1 else "test set or the seeds are"
    return (
        f"No difference shown between {found.first} and {found.second}: {figure} AUROC ({interval}); "
        f"the {few} too small to call them equal."
    )


def telling(found: Difference, seconds: Mapping[str, float]) -> Difference:
    """The pair with that strategy first of which more can be said: the better, then the one no worse, the cheaper."""

    def rank(one: Difference) -> tuple[bool, bool, float]:
        worse = one.different and one.difference is not None and one.difference < 0
        return worse, not one.first_no_worse, seconds[one.first]

    return min(found.seen_from(found.first), found.seen_from(found.second), key=rank)


def _better(found: Difference, seconds: Mapping[str, float], settings: ComparisonSettings) -> str:
    interval = wording.interval(found.low or 0, found.high or 0, settings.confidence)
    figures = f"{wording.amount(found.difference or 0)} AUROC ({interval}, {_p(found.p_holm)})"
    small = f", less than the margin of {settings.margin:g}," if found.second_no_worse else ""
    return f"{found.first} beats {found.second} by {figures}{small}{_cost(found, seconds, ' and costs ')}."


def _no_worse(found: Difference, seconds: Mapping[str, float], settings: ComparisonSettings) -> str:
    claim = "as good as" if found.second_no_worse else "no worse than"
    interval = wording.interval(found.inner_low or 0, found.inner_high or 0, 2 * settings.confidence - 1)
    figures = f"difference {wording.amount(found.difference or 0)} AUROC ({interval})"
    within = f"within the margin of {settings.margin:g} ({_p(found.p_first_no_worse)})"
    return f"{found.first} is {claim} {found.second}: {figures}, {within}{_cost(found, seconds, ', at ')}."


def _cost(found: Difference, seconds: Mapping[str, float], lead: str) -> str:
    phrase = wording.of_seconds(seconds[found.first], seconds[found.second])
    return "" if phrase is None else f"{lead}{phrase}"


def _p(value: float | None) -> str:
    return f"{wording.chance(1.0 if value is None else value)} after Holm"
