"""Whether tensors are those of a network, and if not, which are the first that differ."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

NAMED = 3


def mismatches(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str | None:
    """The first tensors by which ``given`` differs from ``wanted`` in names or shapes, in words; None if by none."""
    found = [words for name in wanted if (words := _mismatch(name, wanted[name], given.get(name)))]
    found += [f"it has a tensor {name} too many" for name in given if name not in wanted]
    if not found:
        return None
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return "; ".join(found[:NAMED]) + more


def _mismatch(name: str, wanted: Tensor, given: Tensor | None) -> str | None:
    if given is None:
        return f"it has no tensor {name}"
    if given.shape != wanted.shape:
        return f"tensor {name} has shape {tuple(given.shape)}, not {tuple(wanted.shape)}"
    return None
