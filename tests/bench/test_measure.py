"""Statistics of rounds, tables, and what is written down."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measure import Spread, Table, append, at_least, at_most, environment, seconds, section, take_turns

figures = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=9)


def test_a_spread_shows_median_smallest_and_largest() -> None:
    assert Spread((3.0, 1.0, 2.0)).median == 2.0
    assert Spread((1.0, 4.0, 2.0, 3.0)).median == 2.5
    assert Spread((0.913, 0.927, 0.92)).text() == "0.92 (0.91 to 0.93)"
    assert Spread((1234.56, 900.0, 2000.0)).text(1) == "1,234.6 (900.0 to 2,000.0)"


def test_a_ratio_is_taken_round_by_round() -> None:
    """The median of the ratios is not the ratio of the medians."""
    ratio = Spread((1.0, 9.0, 10.0)).over(Spread((2.0, 3.0, 20.0)))
    assert ratio == Spread((0.5, 3.0, 0.5))
    assert ratio.median == 0.5
    with pytest.raises(ValueError, match="longer"):
        Spread((1.0,)).over(Spread((1.0, 2.0)))


@given(figures)
def test_a_contestant_that_is_as_fast_has_ratio_one(values: list[float]) -> None:
    spread = Spread(tuple(values))
    assert spread.over(spread).median == 1
    assert spread.times(2).over(spread).median == 2
    assert min(values) <= spread.median <= max(values)


def test_contestants_take_turns_and_the_first_time_does_not_count() -> None:
    calls: list[str] = []

    def contestant(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    found = take_turns({name: lambda name=name: contestant(name) for name in "ab"}, 3)  # type: ignore[misc]
    assert "".join(calls) == "ab" + "ab" + "ba" + "ab"
    assert found == {"a": Spread((3.0, 6.0, 7.0)), "b": Spread((4.0, 5.0, 8.0))}


def test_goals_are_met_by_the_median() -> None:
    figure = Spread((0.90, 0.92, 0.99))
    assert [at_least(goal, figure) for goal in (0.92, 0.93)] == ["0.92: met", "0.93: **missed**"]
    assert [at_most(goal, figure) for goal in (0.92, 0.91)] == ["0.92: met", "0.91: **missed**"]


def test_seconds_are_those_of_the_work() -> None:
    done: list[int] = []
    assert 0 <= seconds(lambda: done.append(1)) < 1
    assert done == [1]


def test_a_section_holds_command_date_machine_and_tables() -> None:
    tables = [
        Table("Images/s", ("what", "ratio", "thaw"), [["resnet18", "0.95", "30.1"], ["vgg16", "0.96", "9.0"]], "Fine."),
        Table("Seconds", ("what", "seconds"), [["labels", "1.0"]]),
        Table("Pipeline", ("what", "seconds"), [], "Not measured."),
    ]  # fmt: skip
    assert section("python -m bench limit", "2 cores.", tables, date(2026, 11, 21)) == (
        "## `python -m bench limit` (2026-11-21)\n"
        "\n"
        "2 cores.\n"
        "\n"
        "### Images/s\n"
        "\n"
        "| what | ratio | thaw |\n"
        "| --- | --- | --- |\n"
        "| resnet18 | 0.95 | 30.1 |\n"
        "| vgg16 | 0.96 | 9.0 |\n"
        "\n"
        "Fine.\n"
        "\n"
        "### Seconds\n"
        "\n"
        "| what | seconds |\n"
        "| --- | --- |\n"
        "| labels | 1.0 |\n"
        "\n"
        "### Pipeline\n"
        "\n"
        "Not measured.\n"
    )


def test_a_row_as_long_as_no_other_is_refused() -> None:
    with pytest.raises(ValueError, match="Seconds: a row is not as long as the 2 columns"):
        Table("Seconds", ("what", "seconds"), [["labels"]])


def test_results_grow_at_their_end(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    path.write_text("# Results\n\nOld.\n\n")
    append(path, "## New\n\nFigures.\n")
    assert path.read_text() == "# Results\n\nOld.\n\n## New\n\nFigures.\n"


def test_the_environment_names_cores_memory_and_versions() -> None:
    versions = r"Python 3\.\d+\.\d+\S*, torch \d\S*, torchvision \d\S*, timm \d\S*\."
    assert re.fullmatch(rf"\d+ cores of .+, \d+ GiB, .+; {versions}", environment())
