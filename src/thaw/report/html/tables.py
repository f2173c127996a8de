"""Cells of tables from numbers, and tables from rows by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from thaw.report.html.blocks import UNDEFINED, Cell, Table
from thaw.report.markdown import figure
from thaw.report.results import Results
from thaw.report.style import colours

# columns that name a row; all others hold what is told of it
NAMES = {
    "model", "strategy", "first", "second", "class", "true", "given", "sets", "factor", "worst", "best", "group",
    "part", "file", "MD5", "a linear probe sees",
}  # fmt: skip
Ends = Sequence[float | None] | None


def number(value: float | None, digits: int = 3) -> Cell:
    """A number; undefined where it is None or NaN.

    >>> number(0.81234).text, number(None).undefined
    ('0.812', True)
    """
    if value is None or pd.isna(value):
        return UNDEFINED
    return Cell(figure(value, digits), sort=float(value))


def estimate(value: float | None, ends: Ends, digits: int = 3, sign: bool = False) -> Cell:
    """A number with its interval; ``sign``: with + or - before it.

    >>> estimate(0.81234, (0.79, 0.8345))
    Cell(text='0.812', ends='0.790 to 0.835', sort=0.81234, swatch=None, badge='', mark='', undefined=False)
    """
    if value is None or pd.isna(value):
        return UNDEFINED
    text = f"{value:+.{digits}f}" if sign else figure(value, digits)
    return Cell(text, interval(ends, digits), float(value))


def interval(ends: Ends, digits: int = 3) -> str:
    """The ends of an interval; empty where one is unknown."""
    if not ends or ends[0] is None or ends[1] is None or pd.isna(ends[0]) or pd.isna(ends[1]):
        return ""
    return f"{figure(ends[0], digits)} to {figure(ends[1], digits)}"


def strategy_cells(results: Results, model: str, strategy: str) -> dict[str, Cell | str]:
    """The first cells of a row about a strategy: its model where there are several, and its name in its colour."""
    badge = "selected" if strategy == results.selected else ""
    named = Cell(strategy, swatch=colours(results.strategies)[strategy], badge=badge)
    return {"model": model, "strategy": named} if len(results.models) > 1 else {"strategy": named}


def table(caption: str, rows: Sequence[Mapping[str, Cell | str]]) -> Table:
    """A table of rows that all have the same columns, at least one; those of ``NAMES`` stand on the left.

    Args:
        caption: what it shows.
        rows: column → cell, or the text of one.
    """
    cells = [[one if isinstance(one, Cell) else Cell(one) for one in row.values()] for row in rows]
    return Table(caption, list(rows[0]), cells, sum(name in NAMES for name in rows[0]))
