"""Figures in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def names(strategies: Sequence[str]) -> str:
    """Joined by commas and "and".

    >>> names(["frozen", "partial", "full"])
    'frozen, partial and full'
    """
    return " and ".join(part for part in (", ".join(strategies[:-1]), strategies[-1]) if part)


def chance(p: float) -> str:
    """A p-value to three digits.

    >>> chance(0.0004), chance(0.0126)
    ('p < 0.001', 'p 0.013')
    """
    return "p < 0.001" if p < 0.001 else f"p {p:.3f}"


def amount(value: float) -> str:
    """An AUROC or a difference to three digits, never "-0.000".

    >>> amount(-0.0001), amount(-0.0123)
    ('0.000', '-0.012')
    """
    text = f"{value:.3f}"
    return "0.000" if text == "-0.000" else text


def interval(low: float, high: float, confidence: float) -> str:
    """An interval of AUROC with its confidence.

    >>> interval(0.0213, 0.0629, 0.95)
    '95 % interval 0.021 to 0.063'
    """
    return f"{100 * confidence:.4g} % interval {amount(low)} to {amount(high)}"


def of_seconds(seconds: float, other: float) -> str | None:
    """How many of the ``other`` seconds; None where that is no number.

    >>> of_seconds(61, 10), of_seconds(34, 100), of_seconds(101, 100)
    ('6.1 times the seconds', '34 % of the seconds', 'about as many seconds')
    """
    if not (seconds > 0 and other > 0):
        return None
    ratio = seconds / other
    if ratio >= 1.05:
        return f"{ratio:.1f} times the seconds" if ratio < 10 else f"{ratio:.0f} times the seconds"
    return "about as many seconds" if ratio > 0.95 else f"{100 * ratio:.2g} % of the seconds"
