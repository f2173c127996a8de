"""What the cells show together, as sections of the page: the verdict first, then what it rests on."""

from __future__ import annotations

from thaw.comparison.verdict import Verdict
from thaw.report.external import domain_lines
from thaw.report.markdown import bullets, escape, figure, table, with_interval
from thaw.report.statistics import Statistics

DIFFERENCES = (
    "Macro AUROC of the first less the second, on the same test patients; all pairs of all models are one family "
    "(Holm). No worse: by less than the margin."
)
BY_CLASS = "By class: Holm over the classes of a pair; accuracy: Holm over all pairs. All of them: statistics.json."
CHANGES = "Against the most frozen strategy, on the same test patients; Holm over all rows."
NO_LEAK = "No patient and no copy of a picture is in more than one split."


def verdict(statistics: Statistics) -> list[str]:
    """In plain words: over all models first, then model by model; warnings stand before them."""
    comparison = statistics.comparison
    verdicts = [*([comparison.verdict_overall] if comparison.verdict_overall else []), *comparison.verdicts]
    warnings = [bullets(f"**Warning:** {escape(line)}." for line in statistics.warnings)] if statistics.warnings else []
    return ["## Verdict", *warnings, *(part for one in verdicts for part in _verdict(one))]


def verdict_lines(statistics: Statistics) -> list[str]:
    """The recommendation of each model, a line each, for the terminal."""
    overall = statistics.comparison.verdict_overall
    return [one.sentences[0] for one in (*([overall] if overall else []), *statistics.comparison.verdicts)]


def differences(statistics: Statistics) -> list[str]:
    """All pairs of strategies."""
    found = [*statistics.comparison.differences, *statistics.comparison.differences_overall]
    if not found:
        return []
    rows = [
        {
            "model": escape(one.model or "all models"), "first": one.first, "second": one.second,
            "difference": with_interval(one.difference, (one.low, one.high)), "p": figure(one.p),
            "p after Holm": figure(one.p_holm), "shown": _shown(one.different, one.difference),
            "no worse": _no_worse(one.first_no_worse, one.second_no_worse),
        }
        for one in found
    ]  # fmt: skip
    settings = statistics.comparison.settings
    note = f"{DIFFERENCES} Margin {settings.margin:g}, {settings.resamples:,} samples of the test patients."
    return ["## Differences between strategies", table(rows, names=3), note, *_by_class_and_accuracy(statistics)]


def _by_class_and_accuracy(statistics: Statistics) -> list[str]:
    """A line a pair: the classes in which a difference is shown, and the difference of accuracy."""
    comparison = statistics.comparison
    lines = []
    for one in comparison.differences:
        pair = (one.model, one.first, one.second)
        shown = [
            f"{escape(found.class_name)} {found.difference:+.3f}"
            for found in comparison.class_differences
            if (found.model, found.first, found.second) == pair and found.different
        ]
        accuracy = next(
            found
            for found in comparison.accuracy_differences
            if (found.model, found.first, found.second, found.class_name) == (*pair, None)
        )
        difference = with_interval(accuracy.difference, (accuracy.low, accuracy.high)) or "undefined"
        lines.append(
            f"{escape(one.model or '')}, {one.first} less {one.second}: AUROC differs for "
            f"{', '.join(shown) or 'no class'}; accuracy {difference}, p {figure(accuracy.p_holm)} ({accuracy.method})."
        )
    return ["### By class, and accuracy", bullets(lines), BY_CLASS] if lines else []


def subgroup_changes(statistics: Statistics) -> list[str]:
    """Whether thawing more helps or hurts the worst served group."""
    if not statistics.gap_changes:
        return []
    lines = bullets(f"{escape(row['sentence'])}." for row in statistics.gap_changes)
    return ["### Does thawing more help the worst group?", lines, CHANGES]


def leaks_and_shortcuts(statistics: Statistics) -> list[str]:
    """What can be told without looking at the lungs."""
    found = statistics.shortcuts
    clean = not found["patients"]["crossing"] and not found["copies"]["pictures"]
    rows = [
        {
            "a linear probe sees": escape(probe["what"]),
            "test macro AUROC": with_interval(probe["auroc_macro"], (probe["low"], probe["high"])) or probe["reason"],
        }
        for probe in found["probes"].values()
    ]
    lines = [*([NO_LEAK] if clean else []), *(escape(line) for line in found["notes"])]
    return ["## Leaks and shortcuts", *([bullets(lines)] if lines else []), table(rows, names=1)]


def other_data(statistics: Statistics) -> list[str]:
    """What the strategies lose on other sets."""
    parts = ["## Other data"] if statistics.external else []
    for model, sets in statistics.external.items():
        for name, found in sets.items():
            parts += [
                f"### {escape(model)} on {escape(name)}",
                bullets(map(escape, [*found["sentences"], *domain_lines(found)])),
            ]
    return parts


def _verdict(one: Verdict) -> list[str]:
    first, *rest = one.sentences
    return [f"**{first}**", *([bullets(rest)] if rest else [])]


def _shown(different: bool, difference: float | None) -> str:
    return "" if not different else "better" if (difference or 0) > 0 else "worse"


def _no_worse(first: bool, second: bool) -> str:
    return {(True, True): "both", (True, False): "first", (False, True): "second"}.get((first, second), "")
