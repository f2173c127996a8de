"""BatchNorm statistics: kept where frozen, estimated anew where asked, against a case computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from thaw.backbones.classifier import build_classifier
from thaw.training.batches import Examples
from thaw.training.normalisation import adapt_statistics

from .made import CPU, phase, state_of, trainer


class OneNorm(nn.Module):
    """A classifier in which images meet one BatchNorm layer and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.BatchNorm2d(1, momentum=0.3), nn.Dropout(0.9))

    def forward(self, gray: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.network(gray)
        return result


def test_statistics_are_the_averages_over_the_batches() -> None:
    """Batches of two one-pixel pictures: (0, 51), (102, 204); in [0, 1] these are (0, 0.2) and (0.4, 0.8)."""
    pixels = np.array([0, 51, 102, 204], np.uint8).reshape(4, 1, 1)
    examples = Examples(pixels, np.arange(4), np.zeros((4, 2), np.int64))
    classifier = OneNorm()
    norm = classifier.network[0]
    norm.running_mean.fill_(7.0)
    adapt_statistics(classifier, examples, 2, CPU, "fp32")  # type: ignore[arg-type]
    # means 0.1 and 0.6; unbiased variances 0.02 and 0.08
    assert float(norm.running_mean) == pytest.approx(0.35)
    assert float(norm.running_var) == pytest.approx(0.05)
    assert norm.momentum == 0.3
    assert not any(module.training for module in classifier.modules())


def test_only_statistics_move_and_the_phase_keeps_them() -> None:
    one = trainer()
    before = state_of(one.classifier)
    seen = []
    one.fit([phase("head", epochs=2, adapt_norm=True)], lambda _: seen.append(state_of(one.classifier)))
    moved = {
        name.rsplit(".", 1)[1] for name in before if name[:3] != "fc." and not torch.equal(before[name], seen[0][name])
    }
    assert moved == {"running_mean", "running_var", "num_batches_tracked"}
    backbone = [name for name in before if name[:3] != "fc."]
    assert all(torch.equal(seen[0][name], seen[1][name]) for name in backbone)


def test_without_it_frozen_blocks_keep_their_statistics() -> None:
    one = trainer()
    before = state_of(one.classifier)
    one.fit([phase("head", epochs=2)], lambda _: None)
    after = state_of(one.classifier)
    assert {name for name in before if not torch.equal(before[name], after[name])} == {"fc.weight", "fc.bias"}


def test_a_network_without_batchnorm_is_left_as_it_is() -> None:
    classifier = build_classifier("convnext_tiny", 2, seed=0)
    before = state_of(classifier)
    pixels = np.random.default_rng(0).integers(0, 255, (4, 32, 32), np.uint8)
    adapt_statistics(classifier, Examples(pixels, np.arange(4), np.zeros((4, 2), np.int64)), 2, CPU, "fp32")
    assert all(torch.equal(tensor, classifier.network.state_dict()[name]) for name, tensor in before.items())
