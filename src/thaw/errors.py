"""Errors that a user can mend: shown as one line, never as a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something in the user's data, parameters or machine; its message is one line that says what to do."""


def did_you_mean(word: object, allowed: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the allowed name nearest to ``word``, or an empty string.

    >>> did_you_mean("frozn", ["frozen", "full"])
    " (did you mean 'frozen'?)"
    """
    near = difflib.get_close_matches(str(word), list(allowed), n=1, cutoff=0.5)
    return f" (did you mean '{near[0]}'?)" if near else ""
