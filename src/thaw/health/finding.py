"""What a check found, and what mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["ok", "warning", "problem"]
KINDS: tuple[Kind, ...] = ("ok", "warning", "problem")
GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """One line of ``python -m thaw doctor``.

    Attributes:
        kind: ok; warning: the pipeline runs, worse than it could; problem: it stops, here or later.
        what: how it is.
        mend: what to do about it, a command where there is one; empty where nothing is to be done.
    """

    kind: Kind
    what: str
    mend: str = ""


def ok(what: str) -> Finding:
    """Nothing is to be done."""
    return Finding("ok", what)


def warning(what: str, mend: str) -> Finding:
    """The pipeline runs, worse than it could."""
    return Finding("warning", what, mend)


def problem(what: str, mend: str) -> Finding:
    """The pipeline stops, here or later."""
    return Finding("problem", what, mend)


def worst(findings: Sequence[Finding]) -> Finding:
    """Findings of one subject as one: all of the worst kind, a mend once."""
    kind = max((finding.kind for finding in findings), key=KINDS.index)
    chosen = [finding for finding in findings if finding.kind == kind]
    mends = dict.fromkeys(finding.mend for finding in chosen if finding.mend)
    return Finding(kind, "; ".join(finding.what for finding in chosen), "; ".join(mends))


def counted(number: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "file"), counted(0, "file")
    ('1 file', '0 files')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def gib(count_bytes: float) -> str:
    """An amount of memory or disk.

    >>> gib(5 * 2**30), gib(120_000_000)
    ('5.0 GiB', '0.1 GiB')
    """
    return f"{count_bytes / GIB:.1f} GiB"
