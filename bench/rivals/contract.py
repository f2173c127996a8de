"""What all rivals share: their arguments, the network they start from, which epoch is tested, what they print."""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

STARTED = time.perf_counter()
PARTS, STRATEGIES = ("train", "val", "test"), ("frozen", "partial", "full")
CLASSES = 2
Colour = tuple[float, float, float]
Batches = Iterable[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Backbone:
    """What a user must know of a network to freeze it by hand: prefixes of its parameters' names.

    Attributes:
        head: of the last layer.
        last_blocks: of the last two blocks, which ``partial`` trains too.
        mean: of the input's channels in [0, 1].
        std: likewise the standard deviation.
    """

    head: str
    last_blocks: tuple[str, ...]
    mean: Colour = (0.485, 0.456, 0.406)
    std: Colour = (0.229, 0.224, 0.225)


BACKBONES = {
    "resnet18": Backbone("fc.", ("layer3.", "layer4.")),
    "efficientnet_b0": Backbone("classifier.", ("features.7.", "features.8.")),
    "efficientnet_lite0": Backbone("classifier.", ("blocks.6.", "conv_head.", "bn2."), (0.5,) * 3, (0.5,) * 3),
}


@dataclass(frozen=True)
class Settings:
    """The arguments of a rival.

    Attributes:
        data: folder of ``<part>/<class>/<name>.png`` for the parts train, val and test.
        model: a name in ``BACKBONES``.
        strategy: frozen, partial or full.
        epochs: passes over the training images.
        batch: images a step.
        lr: the learning rate.
        size: pixels a side that the network sees.
        threads: of torch, and processes that decode.
        weights: safetensors file of the backbone's tensors; None: random weights.
        seed: of everything random.
    """

    data: Path
    model: str
    strategy: str
    epochs: int
    batch: int
    lr: float
    size: int
    threads: int
    weights: Path | None
    seed: int

    @property
    def backbone(self) -> Backbone:
        """How the model is cut."""
        return BACKBONES[self.model]


def read_settings(description: str | None, arguments: Sequence[str] | None = None) -> Settings:
    """Read the command line, and set torch's threads and seed by it."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", choices=BACKBONES, required=True)
    parser.add_argument("--strategy", choices=STRATEGIES, required=True)
    for name in ("epochs", "batch", "size", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--weights", type=_file_or_none, required=True)
    parser.add_argument("--seed", type=int, required=True)
    settings = Settings(**vars(parser.parse_args(arguments)))
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    return settings


def as_arguments(settings: Settings) -> list[str]:
    """The command line that ``read_settings`` reads."""
    values = {name: "none" if value is None else value for name, value in vars(settings).items()}
    return [text for name, value in values.items() for text in (f"--{name}", str(value))]


def _file_or_none(text: str) -> Path | None:
    return None if text == "none" else Path(text)


def device_here() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def build_network(settings: Settings) -> nn.Module:
    """The library's network with a new head, the given weights loaded; nothing is frozen."""
    network = _library_network(settings.model)
    if settings.weights is not None:
        # thaw's stage weights has put every tensor of the backbone there
        backbone = safetensors.torch.load_file(settings.weights)
        network.load_state_dict({**network.state_dict(), **backbone})
    return network


def _library_network(model: str) -> nn.Module:
    network: nn.Module
    if model == "efficientnet_lite0":
        import timm

        network = timm.create_model("tf_efficientnet_lite0", num_classes=CLASSES, bn_eps=1e-3)
    else:
        import torchvision

        network = torchvision.models.get_model(model, weights=None, num_classes=CLASSES)
    return network


def trained_prefixes(settings: Settings) -> tuple[str, ...]:
    """What begins the names of the parameters that the strategy trains."""
    backbone = settings.backbone
    match settings.strategy:
        case "frozen":
            return (backbone.head,)
        case "partial":
            return (*backbone.last_blocks, backbone.head)
        case _:
            return ("",)


def freeze(network: nn.Module, settings: Settings) -> None:
    """Freeze as users do: by ``requires_grad`` alone, so that BatchNorm still moves its statistics."""
    prefixes = trained_prefixes(settings)
    for name, parameter in network.named_parameters():
        parameter.requires_grad = name.startswith(prefixes)


def train_and_test(
    network: nn.Module, settings: Settings, train_epoch: Callable[[int], None], val: Batches, test: Batches
) -> float:
    """Train all epochs, measuring validation AUROC after each; returns the test AUROC of the best."""
    best, kept = -1.0, copy.deepcopy(network.state_dict())
    for epoch in range(settings.epochs):
        network.train()
        train_epoch(epoch)
        reached = auroc(network, val)
        if reached > best:
            best, kept = reached, copy.deepcopy(network.state_dict())
    network.load_state_dict(kept)
    return auroc(network, test)


@torch.no_grad()
def auroc(network: nn.Module, batches: Batches) -> float:
    """AUROC of the second of two classes, which is that of the first and the macro mean too."""
    network.eval()
    labels, scores = [], []
    for images, target in batches:
        logits = network(images.to(device_here())).float()
        scores.append(logits.softmax(1)[:, 1].cpu())
        labels.append(target.cpu())
    return float(roc_auc_score(torch.cat(labels).numpy(), torch.cat(scores).numpy()))


def report(reached: float, images: dict[str, int]) -> None:
    """Print one JSON line.

    ``seconds``: since the libraries were imported, decoding included; ``auroc``: of the test images; ``images``: how
    many each part has.
    """
    line: dict[str, Any] = {"seconds": time.perf_counter() - STARTED, "auroc": reached, "images": images}
    print(json.dumps(line), flush=True)
