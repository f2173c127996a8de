from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from thaw.backbones.classifier import Classifier, build_classifier
from thaw.backbones.networks import architecture_of
from thaw.training.batches import Examples
from thaw.training.inference import predict_logits, predict_with_features

CPU = torch.device("cpu")


def examples(count: int = 5, size_px: int = 32) -> Examples:
    pixels = np.random.default_rng(0).integers(0, 256, (count, size_px, size_px), np.uint8)
    return Examples(pixels, np.arange(count)[::-1].copy(), np.zeros((count, 2), np.int64))


def heads_of(classifier: Classifier, model: str) -> list[Any]:
    return [classifier.network.get_submodule(path) for path in architecture_of(model).heads]


@pytest.mark.parametrize(
    ("model", "width"),
    [("resnet18", 512), ("mobilenet_v3_small", 1024), ("vit_b_16", 768), ("timm/resnetv2_50x1_bit", 2048)],
)
def test_the_head_makes_the_logits_of_the_features(model: str, width: int) -> None:
    classifier, given = build_classifier(model, 2, 0, size_px=32), examples()
    logits, features = predict_with_features(classifier, model, given, 2, CPU, "fp32")
    (head,) = heads_of(classifier, model)
    weight, bias = (tensor.detach().numpy() for tensor in (head.weight, head.bias))
    assert features.shape == (5, width)
    assert logits.tolist() == predict_logits(classifier, given, 2, CPU, "fp32").tolist()
    assert features @ weight.reshape(2, width).T + bias == pytest.approx(logits, abs=1e-5)


def test_two_heads_stand_side_by_side() -> None:
    model = "timm/deit_tiny_distilled_patch16_224"
    classifier = build_classifier(model, 2, 0, size_px=32)
    assert predict_with_features(classifier, model, examples(), 2, CPU, "fp32")[1].shape == (5, 2 * 192)


def test_no_hook_stays_behind() -> None:
    classifier = build_classifier("resnet18", 2, 0, size_px=32)
    predict_with_features(classifier, "resnet18", examples(), 2, CPU, "fp32")
    assert not any(module._forward_pre_hooks for module in classifier.modules())
