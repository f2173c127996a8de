"""Who is trained on, validated on and tested on: patients never cross splits, labels are balanced between them.

The policy and its reasons are in ``docs/decisions/split.md``.
"""

from thaw.splitting.assignment import SPLITS, source_split, split_images, split_patients
from thaw.splitting.lists import listed_split
from thaw.splitting.parts import split_parts, summarise_parts
from thaw.splitting.summary import crossing_patients, leaking_images, summarise

__all__ = [
    "SPLITS",
    "crossing_patients",
    "leaking_images",
    "listed_split",
    "source_split",
    "split_images",
    "split_parts",
    "split_patients",
    "summarise",
    "summarise_parts",
]
