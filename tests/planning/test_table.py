from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thaw.planning.predict import Row
from thaw.planning.table import duration, size, table

SECONDS = {"h": 3600, "min": 60, "s": 1}


def test_the_table_has_a_line_for_each_stage_and_the_totals() -> None:
    rows = [
        Row("preprocess", None, 50_176_128),
        Row("train a-full-0", 7790.0, 13_724_224, 4.407, is_there=True),
        Row("kept activations", 0.0, 2**30),
        Row("compare", 2.04),
    ]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table(rows).splitlines()]
    assert lines[0] == ["stage", "time", "disk", "peak memory", "there already"]
    assert lines[2:] == [
        ["preprocess", "not measured", "48 MiB", "", ""],
        ["train a-full-0", "2 h 10 min", "13 MiB", "4.41 GiB", "yes"],
        ["kept activations", "", "1.0 GiB", "", ""],
        ["compare", "2.0 s", "", "", ""],
        ["**all**", "2 h 10 min", "1.1 GiB", "4.41 GiB", ""],
    ]


@given(st.floats(0.1, 1e7))
def test_a_duration_is_told_to_its_last_unit(seconds: float) -> None:
    told = re.findall(r"([\d.]+) (h|min|s)\b", duration(seconds))
    units = [unit for _, unit in told]
    assert units in (["s"], ["min", "s"], ["h", "min"])
    assert all(float(number) < 60 for number, unit in told[1:] if unit != "h")
    smallest = 0.1 if units == ["s"] and seconds < 9 else SECONDS[units[-1]]
    assert sum(float(number) * SECONDS[unit] for number, unit in told) == pytest.approx(seconds, abs=smallest)


@given(st.floats(0, 1e17))
def test_a_size_has_at_most_three_digits_before_the_largest_unit(count: float) -> None:
    number, unit = size(count).split()
    assert unit == "TiB" or float(number) <= 1000
