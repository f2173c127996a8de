"""thaw: which layers of a pretrained network should be thawed for my X-rays, and what does it cost?

``thaw.load(folder).predict(images)`` uses a model that the pipeline has trained.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thaw.use.model import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    # at the first use, not before: it brings torch, which most of thaw does without
    if name == "load":
        return importlib.import_module("thaw.use.model").load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
