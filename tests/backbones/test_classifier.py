"""A backbone with our head: logits, normalisation, picture sizes, loading."""

from __future__ import annotations

import pytest
import timm
import torch
from timm.layers import resample_abs_pos_embed

from thaw.backbones.catalog import ARCHITECTURES, IMAGENET_STD
from thaw.backbones.classifier import backbone_tensors, build_classifier, load_tensors
from thaw.errors import UserError


@pytest.mark.parametrize("model", ["mobilenet_v3_small", "resnet18", "timm/resnet10t", "timm/resnetv2_18"])
@pytest.mark.parametrize("classes", [2, 14])
def test_there_is_one_logit_a_class(model: str, classes: int) -> None:
    classifier = build_classifier(model, classes, seed=0).eval()
    with torch.no_grad():
        assert classifier(torch.rand(2, 1, 64, 64)).shape == (2, classes)


@pytest.mark.parametrize(("model", "head"), [("resnet18", "fc"), ("timm/resnetv2_18", "head.fc")])
def test_the_head_depends_on_the_seed_alone(model: str, head: str) -> None:
    def drawn(seed: int, pretrained: bool) -> torch.Tensor:
        tensors = {name: torch.ones(t.shape, dtype=t.dtype) for name, t in backbone_tensors(model).items()}
        classifier = build_classifier(model, 5, seed, tensors if pretrained else None)
        return classifier.network.get_submodule(head).get_parameter("weight").detach()

    expected = 0.01 * torch.randn(5, 512, generator=torch.Generator().manual_seed(1))
    assert torch.equal(drawn(1, pretrained=True).flatten(1), expected)
    assert torch.equal(drawn(1, pretrained=False).flatten(1), expected)
    assert not torch.equal(drawn(2, pretrained=True).flatten(1), expected)


def test_building_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    build_classifier("efficientnet_b0", 2, seed=0)
    assert torch.equal(torch.rand(1), expected)


def test_gray_is_normalised_and_repeated_to_three_channels() -> None:
    classifier = build_classifier("resnet18", 2, seed=0)
    classifier.network = torch.nn.Identity()
    gray = torch.rand(2, 1, 4, 4)
    mean, std = torch.tensor(ARCHITECTURES["resnet18"].mean), torch.tensor(ARCHITECTURES["resnet18"].std)
    expected = torch.stack([(gray[:, 0] - mean[channel]) / std[channel] for channel in range(3)], dim=1)
    assert torch.allclose(classifier(gray), expected)


def test_timms_normalisation_is_that_of_its_weights() -> None:
    assert build_classifier("timm/vit_tiny_patch16_224", 2, seed=0).mean.flatten().tolist() == [0.5, 0.5, 0.5]
    assert build_classifier("timm/resnet10t", 2, seed=0).std.flatten().tolist() == pytest.approx(IMAGENET_STD)


def test_position_embeddings_of_torchvision_follow_the_size() -> None:
    """Bicubic with aligned corners keeps the corners; the class token has no place and stays."""
    key = "encoder.pos_embedding"
    tensors = {name: torch.zeros(()).expand(tensor.shape) for name, tensor in backbone_tensors("vit_b_16").items()}
    tensors[key] = torch.rand(1, 1 + 14 * 14, 768)
    classifier = build_classifier("vit_b_16", 2, 0, tensors, size_px=64)
    positions = classifier.network.get_parameter(key)
    assert positions.shape == (1, 1 + 4 * 4, 768)
    assert positions.requires_grad
    corners = tensors[key][0, [0, 1, 14, 1 + 13 * 14, 14 * 14]]
    torch.testing.assert_close(positions[0, [0, 1, 4, 13, 16]], corners)
    with torch.no_grad():
        assert classifier(torch.rand(2, 1, 64, 64)).shape == (2, 2)


def test_position_embeddings_of_timm_follow_the_size_as_timm_does_it() -> None:
    name = "vit_tiny_patch16_224"
    original = timm.create_model(name)
    tensors = {path: tensor for path, tensor in original.state_dict().items() if not path.startswith("head.")}
    classifier = build_classifier(f"timm/{name}", 2, 0, tensors, size_px=320).eval()
    wanted = resample_abs_pos_embed(original.pos_embed, new_size=[20, 20], num_prefix_tokens=1)
    assert torch.equal(classifier.network.get_parameter("pos_embed"), wanted)
    with torch.no_grad():
        assert classifier(torch.rand(1, 1, 320, 320)).shape == (1, 2)


def test_a_trained_model_of_another_size_or_with_other_labels_is_told() -> None:
    classifier = build_classifier("resnet18", 15, seed=0)
    other = build_classifier("resnet18", 14, seed=0).network.state_dict()
    with pytest.raises(UserError) as raised:
        load_tensors(classifier, other, "models/a")
    assert str(raised.value) == (
        "models/a does not fit this network and these labels: tensor fc.weight has shape (14, 512), not (15, 512); "
        "tensor fc.bias has shape (14,), not (15,)"
    )


def test_all_tensors_of_a_trained_model_are_loaded() -> None:
    classifier, other = (build_classifier("resnet18", 3, seed=seed) for seed in (0, 1))
    load_tensors(classifier, other.network.state_dict(), "models/a")
    images = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        assert torch.equal(classifier.eval()(images), other.eval()(images))
