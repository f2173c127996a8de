"""Texts and tables as Markdown that a terminal shows well too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line, inside a table too.

    >>> escape("<b>|x")
    '&lt;b&gt;\\\\|x'
    """
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\|*`\[\]])", r"\\\1", text)


def figure(value: float | None, digits: int = 3) -> str:
    """A number for people; empty where undefined."""
    return "" if value is None or pd.isna(value) else f"{value:,.{digits}f}"


def figures(values: Iterable[float | None], digits: int = 3) -> list[str]:
    """Numbers for people."""
    return [figure(value, digits) for value in values]


def with_interval(value: float | None, ends: Sequence[float | None] | None, digits: int = 3) -> str:
    """A number and its interval.

    >>> with_interval(0.81234, (0.79, 0.8345)), with_interval(0.5, None), with_interval(None, None)
    ('0.812 (0.790 to 0.835)', '0.500', '')
    """
    if value is None or not ends or ends[0] is None or ends[1] is None:
        return figure(value, digits)
    return f"{figure(value, digits)} ({figure(ends[0], digits)} to {figure(ends[1], digits)})"


def bullets(lines: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {line}" for line in lines)


def table(rows: pd.DataFrame | Sequence[Mapping[str, str]], names: int) -> str:
    """Aligned columns: the first ``names`` to the left, numbers to the right."""
    frame = pd.DataFrame(rows)
    sides = ["left"] * names + ["right"] * (frame.shape[1] - names)
    return frame.to_markdown(index=False, tablefmt="github", disable_numparse=True, colalign=sides)
