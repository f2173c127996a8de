"""What is said of a comparison: the words and when they are said."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.comparison.made import SETTINGS
from thaw.comparison.differences import Difference
from thaw.comparison.estimate import Estimate
from thaw.comparison.multiplicity import holm
from thaw.comparison.standing import Standing
from thaw.comparison.verdict import Verdict, verdict_of

ONE_SEED = (
    "One seed only for {}: this is about these trainings, not about the strategies; other seeds may order them "
    "otherwise."
)


def standing(strategy: str, auroc: float | None, seconds: float, seeds: int = 3) -> Standing:
    return Standing("net", strategy, seeds, auroc, seconds, None, seconds)


def difference(first: Standing, second: Standing, error: float | None) -> Difference:
    """Of a family of one."""
    value = None if first.auroc_macro is None or second.auroc_macro is None else first.auroc_macro - second.auroc_macro
    found = Estimate(value, error, reason=None if error else "too few patients")
    no_worse = holm([found.p_not_above(-SETTINGS.margin), found.negative().p_not_above(-SETTINGS.margin)], at_most=1)
    first_no_worse, second_no_worse = (p is not None and p <= 0.05 for p in no_worse)
    return Difference(
        "net", first.strategy, second.strategy, first.auroc_macro, second.auroc_macro, value, *found.interval(0.95),
        *found.interval(0.9), error, None, min(first.seeds, second.seeds), found.p, found.p, *no_worse,
        found.p is not None and found.p <= 0.05, first_no_worse and second_no_worse, first_no_worse, second_no_worse,
        found.reason,
    )  # fmt: skip


def judged(standings: Sequence[Standing], *errors: float | None) -> Verdict:
    pairs = [(one, other) for place, one in enumerate(standings) for other in standings[place + 1 :]]
    differences = [difference(*pair, error) for pair, error in zip(pairs, errors, strict=True)]
    return verdict_of("net", standings, differences, SETTINGS)


def test_a_winner_is_named_where_the_interval_supports_it() -> None:
    found = judged([standing("frozen", 0.788, 10), standing("full", 0.830, 61)], 0.0107)
    assert found == Verdict(
        "net",
        "better",
        "full",
        "full",
        (
            "net: take full, shown better than frozen.",
            "full beats frozen by 0.042 AUROC (95 % interval 0.021 to 0.063, p < 0.001 after Holm) and costs 6.1 times "
            "the seconds.",
        ),
    )


def test_the_cheapest_that_is_no_worse_than_the_best_is_recommended() -> None:
    standings = [standing("frozen", 0.78, 10), standing("partial", 0.829, 20), standing("full", 0.830, 60)]
    found = judged(standings, 0.01, 0.01, 0.003)
    shown = (
        "partial is as good as full: difference -0.001 AUROC (90 % interval -0.006 to 0.004), within the margin of "
        "0.01 (p 0.001 after Holm), at 33 % of the seconds."
    )
    assert (found.kind, found.recommended, found.best) == ("no worse", "partial", "full")
    assert found.sentences[0] == f"net: take partial, the cheapest shown no worse than the best. {shown}"
    assert found.sentences[3] == shown


def test_no_worse_is_less_than_as_good() -> None:
    found = judged([standing("partial", 0.835, 20), standing("full", 0.830, 60)], 0.0075)
    assert found.kind == "not shown"
    assert found.recommended == "partial"
    assert found.sentences == (
        "net: no difference shown between partial and full; partial is the cheapest and has the highest AUROC.",
        "partial is no worse than full: difference 0.005 AUROC (90 % interval -0.007 to 0.017), within the margin of "
        "0.01 (p 0.023 after Holm), at 33 % of the seconds.",
    )


def test_where_nothing_is_shown_the_cheapest_is_named_as_no_more_than_that() -> None:
    found = judged([standing("partial", 0.826, 20, seeds=1), standing("full", 0.830, 60, seeds=1)], 0.01)
    assert (found.kind, found.recommended, found.best) == ("not shown", "partial", "full")
    assert found.sentences == (
        "net: no difference shown between full and partial; partial is the cheapest.",
        "No difference shown between partial and full: -0.004 AUROC (95 % interval -0.024 to 0.016); the test set is "
        "too small to call them equal.",
        ONE_SEED.format("partial and full"),
    )


def test_strategies_shown_worse_are_not_among_those_between_which_nothing_is_shown() -> None:
    standings = [standing("frozen", 0.70, 1), standing("partial", 0.826, 20), standing("full", 0.830, 60)]
    found = judged(standings, 0.01, 0.01, 0.01)
    assert found.recommended == "partial"
    assert found.sentences[0] == "net: no difference shown between full and partial; partial is the cheapest."


def test_a_difference_that_is_shown_may_be_too_small_to_matter() -> None:
    found = judged([standing("partial", 0.826, 20), standing("full", 0.830, 60)], 0.001)
    assert found.recommended == "partial"
    assert found.sentences[1] == (
        "full beats partial by 0.004 AUROC (95 % interval 0.002 to 0.006, p < 0.001 after Holm), less than the margin "
        "of 0.01, and costs 3.0 times the seconds."
    )


def test_without_an_interval_the_reason_is_given() -> None:
    found = judged([standing("partial", 0.9, 20), standing("full", 1.0, 60)], None)
    assert (found.kind, found.recommended) == ("not shown", "partial")
    assert found.sentences[1] == "No difference shown between partial and full: too few patients."


def test_one_strategy_or_no_auroc() -> None:
    assert judged([standing("full", 0.8, 1)]) == Verdict(
        "net", "alone", "full", "full", ("net: nothing to compare full with.",)
    )
    nothing = [standing("frozen", None, 1), standing("full", None, 2)]
    assert judged(nothing, None) == Verdict(
        "net", "undefined", None, None, ("net: not compared, as no class has an AUROC.",)
    )


@pytest.mark.parametrize(("seconds", "cost"), [(0.0, ""), (60.0, " and costs about as many seconds")])
def test_costs_that_are_no_number_or_the_same(seconds: float, cost: str) -> None:
    found = judged([standing("frozen", 0.7, seconds), standing("full", 0.8, 60)], 0.01)
    assert found.sentences[1].endswith(f"p < 0.001 after Holm){cost}.")
