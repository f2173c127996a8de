"""When a failed request is tried again, and after how long."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

ATTEMPTS = 6  # in vain, one after the other
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0
LONGEST_ASKED_PAUSE_S = 300.0  # a server may ask for hours; the user should rather hear why it ends
SAID_FROM_S = 5.0


class RetryError(Exception):
    """This attempt failed and another may not; the message is the reason, ``asked_s`` the pause the server wants."""

    def __init__(self, reason: str, asked_s: float = 0.0) -> None:
        super().__init__(reason)
        self.asked_s = asked_s


def pause_s(in_vain: int, asked_s: float) -> float:
    """Return the seconds to wait: doubled from attempt to attempt, with jitter, or longer where the server asks."""
    longest = min(FIRST_PAUSE_S * 2.0 ** max(in_vain - 1, 0), LONGEST_PAUSE_S)
    # jitter: clients that broke together should not come back together
    own = longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
    return max(own, min(asked_s, LONGEST_ASKED_PAUSE_S))


def asked_pause_s(retry_after: str | None) -> float:
    """Return the seconds of a Retry-After header (RFC 9110, section 10.2.3): a number or a date; 0 where neither."""
    text = (retry_after or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max((date - datetime.now(UTC)).total_seconds(), 0.0)
