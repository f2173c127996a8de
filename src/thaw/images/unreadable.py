"""Why bytes are no usable picture: the reason as an error, and the smallest picture that counts."""

from __future__ import annotations

SMALLEST_SIDE_PX = 16
REASON_CHARACTERS = 200


class UnreadableError(Exception):
    """The bytes are no usable picture; the message is the reason, for the quality report."""


def check_sides(width: int, height: int) -> None:
    """Raise UnreadableError where a side is under 16 pixels."""
    if min(width, height) < SMALLEST_SIDE_PX:
        raise UnreadableError(f"{width} x {height} pixels: smaller than {SMALLEST_SIDE_PX} on a side")


def one_line(reason: object) -> str:
    """Return a text or an error, which may quote damaged bytes, as one printable line of at most 200 characters."""
    text = " ".join(str(reason).split()) or type(reason).__name__
    return "".join(character for character in text if character.isprintable())[:REASON_CHARACTERS]
