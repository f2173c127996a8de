"""Every backbone, cut into blocks: on the meta device, where a network has shapes and no values."""

from __future__ import annotations

import functools
import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML

from thaw.backbones.catalog import ARCHITECTURES, TIMM
from thaw.backbones.classifier import HEAD, Classifier
from thaw.backbones.networks import architecture_of, build_network, check_size
from thaw.errors import UserError

TIMM_MODELS = [
    "timm/caformer_s18",
    "timm/convnext_atto",
    "timm/efficientnet_lite0",
    "timm/eva02_tiny_patch14_224",
    "timm/mobilenetv3_small_050",
    "timm/resnet10t",
    "timm/resnetv2_18",
    "timm/swin_tiny_patch4_window7_224",
    "timm/vgg11_bn",
    "timm/vit_tiny_patch16_224",
    "timm/vit_tiny_patch16_224.augreg_in21k",
]
MODELS = [*ARCHITECTURES, *TIMM_MODELS]


@functools.cache
def on_meta(model: str) -> Classifier:
    with torch.device("meta"):
        return Classifier(build_network(model, classes=5, seed=0), architecture_of(model)).eval()


def native_size(model: str) -> int:
    return 32 if model in ARCHITECTURES and model != "vit_b_16" else 224


def test_the_catalogue_is_what_params_yaml_names() -> None:
    weights = YAML(typ="safe").load(Path(__file__).parents[2] / "params.yaml")["weights"]
    assert {name for name in weights if not TIMM.fullmatch(name)} == set(ARCHITECTURES)


def test_the_catalogue_needs_neither_torch_nor_timm() -> None:
    code = "import sys, thaw.backbones.catalog; print({'torch', 'timm', 'torchvision'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("model", MODELS)
def test_every_tensor_belongs_to_exactly_one_block_or_the_head(model: str) -> None:
    classifier, architecture = on_meta(model), architecture_of(model)
    patterns = [re.compile(rf"({pattern})(\..*)?") for _, pattern in architecture.blocks]
    heads = tuple(f"{head}." for head in architecture.heads)
    network = classifier.network
    parameters, buffers = dict(network.named_parameters()), dict(network.named_buffers())
    for name in (*parameters, *buffers):
        matches = sum(pattern.fullmatch(name) is not None for pattern in patterns)
        assert matches + name.startswith(heads) == 1, name
    assert {classifier.block_of(name) for name in parameters} == set(classifier.block_names)
    assert len(set(classifier.block_names)) == len(classifier.block_names)


@pytest.mark.parametrize("model", MODELS)
def test_every_module_belongs_to_the_block_of_its_tensors(model: str) -> None:
    classifier = on_meta(model)
    for name, module in classifier.network.named_modules():
        inside = {classifier.block_of(f"{name}.{path}".lstrip(".")) for path, _ in module.named_parameters()}
        if inside:
            # containers of several blocks have no layer of their own; they are switched with the head
            assert classifier.block_of(name) == (inside.pop() if len(inside) == 1 else HEAD), name


@pytest.mark.parametrize("model", MODELS)
def test_blocks_stand_in_the_order_of_the_forward_pass(model: str) -> None:
    classifier = on_meta(model)
    seen: dict[str, None] = {}

    def note(name: str, module: torch.nn.Module) -> None:
        for path, _ in module.named_parameters(recurse=False):
            seen.setdefault(classifier.block_of(f"{name}.{path}"))

    hooks = [
        module.register_forward_pre_hook(lambda module, _, name=name: note(name, module))
        for name, module in classifier.network.named_modules()
        if name
    ]
    size = native_size(model)
    with torch.no_grad(), torch.device("meta"):
        logits = classifier(torch.zeros(2, 1, size, size))
    for hook in hooks:
        hook.remove()
    assert tuple(seen) == classifier.block_names
    assert logits.shape == (2, 5)


@pytest.mark.parametrize("model", MODELS)
def test_the_head_follows_the_classes(model: str) -> None:
    for path in architecture_of(model).heads:
        assert on_meta(model).network.get_submodule(path).get_parameter("weight").shape[0] == 5


@pytest.mark.parametrize(
    ("model", "size"),
    [
        *itertools.product(["swin_t", "timm/swin_tiny_patch4_window7_224", "vit_b_16"], [224, 320, 384, 448, 512]),
        *itertools.product(["densenet121", "efficientnet_b0", "vgg16"], [320, 512]),
    ],
)
def test_networks_take_the_usual_sizes(model: str, size: int) -> None:
    check_size(model, 3, size)


@pytest.mark.parametrize(
    ("model", "size", "message"),
    [
        ("vit_b_16", 300, "preprocess.size: 300: vit_b_16 reads patches of 16 pixels; use a multiple of 16"),
        (
            "timm/vit_tiny_patch16_224",
            300,
            "preprocess.size: 300: timm/vit_tiny_patch16_224 reads patches of 16 pixels; use a multiple of 16",
        ),
        (
            "timm/convit_tiny",
            320,
            "preprocess.size: 320: timm/convit_tiny cannot take this size "
            "(Input height (320) doesn't match model (224).)",
        ),
    ],
)
def test_a_size_that_a_network_cannot_take_is_told(model: str, size: int, message: str) -> None:
    with pytest.raises(UserError) as raised:
        check_size(model, 3, size)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("model", "blocks"),
    [
        ("vgg16", ["stage1", "stage2", "stage3", "stage4", "stage5", "hidden"]),
        ("vit_b_16", ["stem", *(f"layer{number}" for number in range(1, 13))]),
        ("timm/resnet10t", ["stem", "layer1", "layer2", "layer3", "layer4"]),
        ("timm/convnext_atto", ["stem", "stages0", "stages1", "stages2", "stages3"]),
        ("timm/caformer_s18", ["stem", "stages0", "stages1", "stages2", "stages3", "head_fc_fc1"]),
        ("timm/vit_tiny_patch16_224", ["stem", *(f"blocks{number}" for number in range(12))]),
        ("timm/vgg11_bn", ["stem", *(f"features{index}" for index in (4, 8, 11, 15, 18, 22, 25)), "pre_logits"]),
    ],
)
def test_the_names_of_blocks(model: str, blocks: list[str]) -> None:
    assert [name for name, _ in architecture_of(model).blocks] == blocks


@pytest.mark.parametrize(
    ("model", "path", "block"),
    [
        ("vit_b_16", "class_token", "stem"),
        ("vit_b_16", "encoder.pos_embedding", "stem"),
        ("vit_b_16", "encoder.ln.weight", "layer12"),
        ("vit_b_16", "encoder.layers.encoder_layer_1.mlp.0.weight", "layer2"),
        ("vit_b_16", "encoder", HEAD),
        ("swin_t", "features.2.reduction.weight", "stage1"),
        ("swin_t", "norm.bias", "stage4"),
        ("vgg16_bn", "classifier.2", "hidden"),
        ("vgg16_bn", "classifier.5", HEAD),
        ("densenet169", "features.norm5.running_mean", "denseblock4"),
        ("densenet121", "features", HEAD),
        ("resnet18", "layer11.conv", HEAD),
        ("resnet18", "", HEAD),
        ("timm/vit_tiny_patch16_224", "cls_token", "stem"),
        ("timm/vit_tiny_patch16_224", "pos_embed", "stem"),
        ("timm/vit_tiny_patch16_224", "norm.weight", "blocks11"),
        ("timm/vit_tiny_patch16_224", "blocks.1.attn", "blocks1"),
        ("timm/eva02_tiny_patch14_224", "rope", "stem"),
        ("timm/convnext_atto", "head.norm.weight", "stages3"),
        ("timm/vgg11_bn", "features.1.running_var", "stem"),
    ],
)
def test_tokens_positions_and_norms_lie_where_they_work(model: str, path: str, block: str) -> None:
    assert on_meta(model).block_of(path) == block


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("resnet19", r"^resnet19: use one of .*or timm/<name> \(did you mean 'resnet18'\?\)$"),
        ("timm/resnet10", r"^timm/resnet10: timm has no model resnet10; the nearest are .*resnet10t"),
        ("timm/resnet18.nonsense", r"^timm/resnet18\.nonsense: timm's resnet18 has no weights nonsense; use one of a1"),
        ("timm/qwen3_vit_306m_enc", r"^timm/qwen3_vit_306m_enc: this model of timm has no classifier; use another$"),
        ("timm/repvit_m0_9", r"^timm/repvit_m0_9: this model of timm has no classifier that could be replaced; use an"),
    ],
)
def test_models_that_cannot_be_had_are_told(model: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        architecture_of(model)
