"""Figures as they are written."""

from __future__ import annotations

from typing import Any


def rounded(metrics: Any, digits: int = 6) -> Any:
    """The same nested metrics with floats rounded, so that files differ only where results do."""
    if isinstance(metrics, dict):
        return {name: rounded(value, digits) for name, value in metrics.items()}
    if isinstance(metrics, list):
        return [rounded(value, digits) for value in metrics]
    return round(metrics, digits) if isinstance(metrics, float) else metrics
