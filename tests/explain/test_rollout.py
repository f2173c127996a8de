"""Attention rollout against products of matrices written down by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer as TimmVisionTransformer
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from thaw.backbones.classifier import Classifier, build_classifier
from thaw.backbones.networks import architecture_of
from thaw.errors import UserError
from thaw.explain.heat_maps import heat_maps
from thaw.explain.rollout import attention_maps, roll_out

CPU = torch.device("cpu")
TIMM = "timm/vit_tiny_patch16_224"
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)


def torchvision_transformer() -> Classifier:
    torch.manual_seed(0)
    network = VisionTransformer(
        image_size=32, patch_size=8, num_layers=12, num_heads=2, hidden_dim=8, mlp_dim=8, num_classes=3
    )
    for layer in network.encoder.layers:
        nn.init.normal_(layer.self_attention.in_proj_weight, std=0.8)
    return Classifier(network, architecture_of("vit_b_16"))


def timm_transformer(**options: Any) -> Classifier:
    torch.manual_seed(0)
    settings = {"img_size": 32, "patch_size": 8, "embed_dim": 12, "depth": 3, "num_heads": 3, "num_classes": 2}
    network = TimmVisionTransformer(**{**settings, **options})
    for block in network.blocks:
        nn.init.normal_(block.attn.qkv.weight, std=0.8)
    return Classifier(network, architecture_of(TIMM))


def product(attentions: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Equation 1 of Abnar & Zuidema."""
    mixed = np.eye(attentions[0].shape[-1])
    for weights in attentions:
        mixed = (0.5 * weights + 0.5 * np.eye(weights.shape[-1])) @ mixed
    return mixed


def weights_by_hand(given: Tensor, layer: Tensor, bias: Tensor | None, heads: int) -> NDArray[np.float64]:
    """The mean over heads of softmax(q k / sqrt(d)) of tokens (N, T, D)."""
    query, key, _ = F.linear(given, layer, bias).double().chunk(3, dim=-1)
    query, key = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (query, key))
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    weights: NDArray[np.float64] = scores.softmax(-1).mean(1).numpy()
    return weights


@torch.no_grad()
def attentions_by_hand(classifier: Classifier) -> list[NDArray[np.float64]]:
    """From what reaches each attention of torchvision's or timm's transformer."""
    found: list[NDArray[np.float64]] = []

    def hook(module: Any, given: tuple[Tensor, ...]) -> None:
        is_torch = isinstance(module, nn.MultiheadAttention)
        layer, bias = (module.in_proj_weight, module.in_proj_bias) if is_torch else (module.qkv.weight, module.qkv.bias)
        found.append(weights_by_hand(given[0], layer, bias, module.num_heads))

    layers = [m for m in classifier.modules() if isinstance(m, nn.MultiheadAttention) or hasattr(m, "qkv")]
    handles = [layer.register_forward_pre_hook(hook) for layer in layers]
    classifier.eval()(torch.from_numpy(PIXELS).unsqueeze(1).float() / 255)
    for handle in handles:
        handle.remove()
    return found


def enlarged(heat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of 16 places, the least of them 0."""
    places = torch.from_numpy(heat - heat.min(axis=1, keepdims=True)).view(-1, 1, 4, 4)
    full = F.interpolate(places, (32, 32), mode="bilinear", align_corners=False)[:, 0].numpy()
    maps: NDArray[np.float64] = full / full.max(axis=(1, 2), keepdims=True)
    return maps


def test_the_product_over_the_layers() -> None:
    random = np.random.default_rng(1)
    attentions = [weights / weights.sum(-1, keepdims=True) for weights in random.random((4, 2, 5, 5))]
    mixed = roll_out([torch.from_numpy(weights) for weights in attentions]).numpy()
    np.testing.assert_allclose(mixed, product(attentions))
    np.testing.assert_allclose(mixed.sum(-1), 1)


@pytest.mark.parametrize(
    ("classifier", "model"),
    [(torchvision_transformer(), "vit_b_16"), (timm_transformer(), TIMM)],
    ids=["torch", "timm"],
)
def test_the_class_token_is_followed_to_the_places(classifier: Classifier, model: str) -> None:
    maps = attention_maps(classifier, model, PIXELS, CPU, batch_size=2)
    np.testing.assert_allclose(maps, enlarged(product(attentions_by_hand(classifier))[:, 0, 1:]), atol=1e-4)
    assert np.ptp(maps, axis=(1, 2)).min() > 0.9


def test_pooled_places_are_followed_together() -> None:
    classifier = timm_transformer(class_token=False, global_pool="avg")
    wanted = enlarged(product(attentions_by_hand(classifier)).mean(axis=1))
    np.testing.assert_allclose(attention_maps(classifier, TIMM, PIXELS, CPU), wanted, atol=1e-4)


def test_attention_that_timm_computes_itself_is_the_same() -> None:
    classifier = timm_transformer()
    wanted = attention_maps(classifier, TIMM, PIXELS, CPU)
    attentions = [module for module in classifier.modules() if hasattr(module, "fused_attn")]
    for module in attentions:
        module.fused_attn = False
    assert np.array_equal(attention_maps(classifier, TIMM, PIXELS, CPU), wanted)
    assert [module.fused_attn for module in attentions] == [False, False, False]


def test_maps_are_the_same_for_every_class_and_leave_the_classifier_alone() -> None:
    classifier = torchvision_transformer().train()
    tensors = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
    one, other = (
        heat_maps(classifier, "vit_b_16", PIXELS, np.full(3, target), "rollout", None, CPU) for target in (0, 2)
    )
    assert np.array_equal(one, other)
    assert all(module.training for module in classifier.modules())
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in classifier.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in classifier.modules())


def test_networks_without_attention_over_the_whole_picture_are_told() -> None:
    message = (
        "explain.method: rollout needs a vision transformer, whose every layer attends to the whole picture; "
        "{} is none: use gradcam, gradcam++ or layercam"
    )
    swin = SwinTransformer(
        img_size=32, patch_size=4, window_size=2, embed_dim=4, depths=(1, 1), num_heads=(1, 2), num_classes=2
    )
    name = "timm/swin_tiny_patch4_window7_224"
    for classifier, model in (
        (build_classifier("resnet18", 2, 0), "resnet18"),
        (Classifier(swin, architecture_of(name)), name),
    ):
        with pytest.raises(UserError) as raised:
            attention_maps(classifier, model, PIXELS, CPU)
        assert str(raised.value) == message.format(model)
