"""A network as a graph of torch.export, which torch reads without thaw, torchvision or timm.

TorchScript (``torch.jit``) is deprecated in torch itself in favour of torch.export, so there is no such file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import Dim, ExportedProgram

from thaw.backbones.classifier import Classifier
from thaw.handover.agreement import check_agreement

FILE = "model.pt2"


def as_exported(classifier: Classifier) -> None:
    """Make a loaded network what is exported: fp32 on the CPU, planes one after the other, evaluation mode."""
    classifier.to(device="cpu", dtype=torch.float32)
    classifier.set_channels_last(False)
    classifier.eval().requires_grad_(False)


def capture(classifier: Classifier, size_px: int) -> ExportedProgram:
    """The graph of a network: images (N, 1, H, W) in [0, 1] to logits (N, classes), for any N from 1.

    Where in the source each operation comes from is left out: it would name folders of this machine.

    Args:
        classifier: as ``as_exported`` leaves it.
        size_px: side of the pictures.
    """
    images, any_number = torch.zeros(2, 1, size_px, size_px), {0: Dim("batch", min=1)}
    program = torch.export.export(classifier, (images,), dynamic_shapes={"gray": any_number}, strict=False)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    return program


def write_torch(target: Path, program: ExportedProgram, classifier: Classifier, size_px: int) -> float:
    """Write a captured network with ``torch.export.save``, read it again, and compare it with the network itself.

    ``torch.export.load(target).module()`` then takes images (N, 1, H, W), float32 in [0, 1], and gives logits.

    Returns:
        The largest difference, see ``check_agreement``.

    Raises:
        DisagreementError: it is too large.
    """
    torch.export.save(program, target)
    module = torch.export.load(target).module()

    def logits(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            given: NDArray[np.float32] = module(torch.from_numpy(images)).numpy()
        return given

    return check_agreement(logits, classifier, size_px)
