"""A trained model on disk: its weights, and a description that is enough to use them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import safetensors.torch

from thaw.backbones.classifier import Classifier, build_classifier, load_tensors
from thaw.errors import UserError
from thaw.files import read_json, replacing, write_json

WEIGHTS, DESCRIPTION = "weights.safetensors", "model.json"


def save_model(folder: Path, classifier: Classifier, description: dict[str, Any]) -> None:
    """Write ``weights.safetensors`` and ``model.json`` into ``folder``.

    The description needs ``model``, ``classes``, ``seed`` and ``input``.
    """
    state = {name: tensor.cpu().contiguous() for name, tensor in classifier.network.state_dict().items()}
    with replacing(folder) as temporary:
        temporary.mkdir()
        safetensors.torch.save_file(state, temporary / WEIGHTS)
        write_json(temporary / DESCRIPTION, description)


def load_model(folder: Path) -> tuple[Classifier, dict[str, Any]]:
    """Read what ``save_model`` wrote.

    Raises:
        UserError: the folder holds no model, or one whose weights and description do not fit.
    """
    if not (folder / DESCRIPTION).is_file():
        raise UserError(f"{folder} holds no trained model ({DESCRIPTION} is missing); run dvc repro")
    description = read_json(folder / DESCRIPTION)
    size_px = description["input"]["size"][0]
    classifier = build_classifier(description["model"], len(description["classes"]), description["seed"], None, size_px)
    load_tensors(classifier, safetensors.torch.load_file(folder / WEIGHTS), str(folder))
    return classifier, description
