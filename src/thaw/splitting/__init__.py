"""Who is trained on, validated on and tested on: patients never cross splits, labels are balanced between them.

The policy and its reasons are in ``docs/decisions/split.md``.
"""

from thaw.splitting.assignment import SPLITS, source_split, split_patients
from thaw.splitting.summary import crossing_patients, summarise

__all__ = ["SPLITS", "crossing_patients", "source_split", "split_patients", "summarise"]
