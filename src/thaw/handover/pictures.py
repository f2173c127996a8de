"""X-rays of a folder as a network sees them, to find ranges of 8-bit numbers with."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thaw.errors import UserError
from thaw.images.decode import decode
from thaw.images.sources import MemberError, open_source
from thaw.images.unreadable import UnreadableError

MOST_PICTURES = 200  # more would move the ranges by little
FEWEST_PICTURES = 2


def read_pictures(folder: Path, size_px: int, crop_from_px: int | None) -> NDArray[np.float32]:
    """At most ``MOST_PICTURES`` of a folder or archive, evenly spread over their names; other files are passed over.

    Args:
        folder: where they lie, at any depth.
        size_px, crop_from_px: see ``thaw.images.decode.decode``.

    Returns:
        (N, 1, size, size), gray from 0 to 1.

    Raises:
        UserError: there is no such folder, or fewer than ``FEWEST_PICTURES`` can be read.
    """
    decoded = []
    with open_source(folder) as source:
        names = source.names()
        spread = np.linspace(0, len(names) - 1, min(len(names), MOST_PICTURES)).astype(int)
        for _, content in source.stream([names[place] for place in spread]):
            if not isinstance(content, MemberError):
                with suppress(UnreadableError):
                    decoded.append(decode(content, size_px, crop_from_px).pixels)
    if len(decoded) < FEWEST_PICTURES:
        raise UserError(
            f"--calibrate {folder}: pictures that can be read: {len(decoded)}; give {FEWEST_PICTURES} at least, better "
            "a hundred X-rays like those that the model will see"
        )
    pictures: NDArray[np.float32] = np.stack(decoded)[:, None].astype(np.float32) / np.float32(255)
    return pictures
