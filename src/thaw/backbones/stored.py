"""A backbone's pretrained tensors as the stage weights keeps them for every training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from torch import Tensor

from thaw.files import replacing


def save_pretrained(target: Path, tensors: Mapping[str, Tensor] | None, source: str) -> None:
    """Write the tensors with their source; ``None`` becomes a file without tensors."""
    contiguous = {name: tensor.contiguous() for name, tensor in (tensors or {}).items()}
    with replacing(target) as path:
        safetensors.torch.save_file(contiguous, path, metadata={"source": source})


def load_pretrained(path: Path) -> dict[str, Tensor] | None:
    """Read what ``save_pretrained`` wrote; None where it wrote no tensors."""
    return safetensors.torch.load_file(path) or None
