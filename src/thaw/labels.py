"""What a label can be: the two kinds of task, and the label that nobody knows."""

from __future__ import annotations

from typing import Literal

Task = Literal["multilabel", "multiclass"]
UNKNOWN = -1  # in arrays of labels; an empty cell in tables. Neither trained on nor measured.
