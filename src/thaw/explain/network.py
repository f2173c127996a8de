"""A trained network, the way its heat maps are made, and what it was before its training."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thaw.backbones.classifier import Classifier, build_classifier
from thaw.explain.heat_maps import heat_maps
from thaw.explain.places import places_block
from thaw.params.explain import ExplainParams
from thaw.progress import progress
from thaw.training.device import choose_device
from thaw.training.saved import load_model

CHUNK = 32  # maps at a time: 6 MB at 224 pixels


@dataclasses.dataclass(frozen=True)
class ExplainedNetwork:
    """A network and how it is explained.

    Attributes:
        classifier: on ``device``.
        description: its model.json.
        settings: ``explain`` of params.yaml.
        device: where it computes.
    """

    classifier: Classifier
    description: Mapping[str, Any]
    settings: ExplainParams
    device: torch.device

    @classmethod
    def load(cls, folder: Path, settings: ExplainParams) -> ExplainedNetwork:
        """The network that train wrote into ``folder``.

        Raises:
            UserError: the folder holds no model.
        """
        classifier, description = load_model(folder)
        device = choose_device("auto")
        return cls(classifier.to(device), description, settings, device)

    @property
    def model(self) -> str:
        """Its backbone's name."""
        return str(self.description["model"])

    @property
    def seed(self) -> int:
        """Of its head, and of what is drawn to explain it."""
        return int(self.description["seed"])

    @property
    def from_scratch(self) -> bool:
        """Whether its training began with random weights."""
        return bool(self.description["phases"][0]["weights"] == "none")

    @property
    def block(self) -> str | None:
        """The block of whose output its maps are made; None: rollout takes all of them.

        Raises:
            UserError: it has no such block, or one without places.
        """
        if self.settings.method == "rollout":
            return None
        size_px = self.description["input"]["size"][0]
        return places_block(self.classifier, self.model, self.settings.block, size_px)

    def untrained(self, pretrained: Mapping[str, Tensor] | None = None) -> ExplainedNetwork:
        """The same network with ``pretrained`` tensors of its backbone, or with random ones; its head as it began."""
        classes, size_px = len(self.description["classes"]), self.description["input"]["size"][0]
        classifier = build_classifier(self.model, classes, self.seed, pretrained, size_px)
        return dataclasses.replace(self, classifier=classifier.to(self.device))

    def maps(self, pixels: NDArray[np.uint8], targets: NDArray[np.int64]) -> NDArray[np.float32]:
        """Heat maps (n, H, W) of the classes with the numbers ``targets`` (n,) in n pictures (n, H, W)."""
        none = np.zeros((0, *pixels.shape[1:]), np.float32)
        return np.concatenate([none, *self.maps_in_chunks(pixels, targets)])

    def maps_in_chunks(self, pixels: NDArray[np.uint8], targets: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
        """The same maps, some at a time."""
        for start in progress(range(0, len(pixels), CHUNK), "heat maps", "batch"):
            some = slice(start, start + CHUNK)
            yield heat_maps(
                self.classifier, self.model, pixels[some], targets[some], self.settings.method, self.settings.block,
                self.device,
            )  # fmt: skip
