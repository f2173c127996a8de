"""Small made-up trainings for the tests of this folder."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from thaw.backbones.classifier import Classifier, build_classifier
from thaw.params.schema import TrainParams
from thaw.params.strategy import Phase
from thaw.training.batches import Examples
from thaw.training.checkpoint import Checkpoint
from thaw.training.device import Precision
from thaw.training.engine import Trainer
from thaw.training.store import Store

CPU = torch.device("cpu")
LOSS = {
    "name": "standard", "gamma": 2.0, "alpha": None, "smoothing": 0.0, "class_weights": True, "max_class_weight": 10.0,
    "hardest": 1.0, "sampling": "uniform",
}  # fmt: skip
TRAIN = {
    "batch_size": 8, "accumulate": 1, "optimizer": "adamw", "weight_decay": 0.01, "clip_norm": None,
    "schedule": "cosine", "augment": "light",
    "mirror": False, "frozen_views": None, "precision": "fp32", "channels_last": "auto",
    "compile": "auto", "device": "cpu", "devices": 1, "nodes": 1, "cache_gib": 0,
}  # fmt: skip


def settings(loss: dict[str, Any] | None = None, **more: Any) -> TrainParams:
    """Parameters of training, some of them changed."""
    return TrainParams.model_validate({**TRAIN, **more, "loss": {**LOSS, **(loss or {})}})


def phase(thaw: Any, **more: Any) -> Phase:
    """One epoch at a rate of 0.001, or what ``more`` says."""
    return Phase.model_validate({"thaw": thaw, "epochs": 1, "lr": 1e-3, **more})


def bright_or_dark(count: int, seed: int) -> Examples:
    """Two classes that any network tells apart: bright and dark pictures."""
    random = np.random.default_rng(seed)
    bright = np.arange(count) % 2
    pixels = (random.integers(0, 100, (count, 32, 32)) + 120 * bright[:, None, None]).astype(np.uint8)
    return Examples(pixels, np.arange(count), np.eye(2, dtype=np.int64)[bright])


def trainer(
    classifier: Classifier | None = None, seed: int = 0, checkpoint: Checkpoint | None = None,
    store: Store | None = None, precision: Precision = "fp32", **more: Any,
) -> Trainer:  # fmt: skip
    """A trainer of a small network on 32 images."""
    network = classifier or build_classifier("resnet18", 2, seed)
    train, val = bright_or_dark(32, 0), bright_or_dark(16, 1)
    return Trainer(network, train, val, "multiclass", settings(**more), seed, CPU, precision, checkpoint, store)


def state_of(classifier: Classifier) -> dict[str, torch.Tensor]:
    """Copies of all tensors of a network."""
    return {name: tensor.clone() for name, tensor in classifier.network.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether two networks have the same bits."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
