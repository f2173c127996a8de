"""Where in a network a heat map is taken: the module whose output still has places, and how that output is read.

What a classifier makes of a picture loses its places towards the head: pooling takes them away at once, and behind the
last attention of a vision transformer only the class token is read. Heat maps are made of the last output before that.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from thaw import strategies
from thaw.backbones.classifier import Classifier
from thaw.errors import UserError, did_you_mean

Layout = Literal["channels first", "channels last", "tokens"]
MOST_OTHER_TOKENS = 2  # a class token and a distillation token, in libraries that do not say how many there are


class _Output(NamedTuple):
    path: str
    shape: torch.Size


@dataclass(frozen=True)
class Places:
    """A module's output as a grid of places.

    Attributes:
        block: the block that the module belongs to.
        path: of the module, in the network.
        layout: (N, C, h, w), (N, h, w, C) or (N, T, C).
        side: places a side, h and w.
        other_tokens: how many tokens stand before those of the places: class and distillation tokens.
    """

    block: str
    path: str
    layout: Layout
    side: int
    other_tokens: int = 0

    def of(self, output: Tensor) -> Tensor:
        """The module's output as (N, C, side, side)."""
        if self.layout == "tokens":
            return output[:, self.other_tokens :].movedim(1, -1).reshape(*output.shape[::2], self.side, self.side)
        return output if self.layout == "channels first" else output.movedim(-1, 1)


def places_block(classifier: Classifier, model: str, block: str | None, size_px: int) -> str:
    """The name of the block whose output heat maps are made of; see ``find_places``."""
    return find_places(classifier, model, block, size_px).block


def find_places(classifier: Classifier, model: str, block: str | None, size_px: int) -> Places:
    """The module whose output heat maps are made of: the last of a block that has places on which the logits depend.

    Args:
        classifier: any; it is left as it was.
        model: its backbone's name, for messages.
        block: ``explain.block``; None: the last block that has such a module.
        size_px: side of the pictures.

    Raises:
        UserError: there is no such block, or none with places.
    """
    names = classifier.block_names[:-1]
    with evaluating(classifier):
        outputs = _outputs(classifier, size_px)
        for name in [name for name in reversed(names) if block in (None, name)]:
            found = _last_of(classifier, name, outputs, size_px)
            if found is not None:
                return found
        usable = [name for name in names if block is not None and _last_of(classifier, name, outputs, size_px)]
    if block is None or not usable:
        raise UserError(f"{model} keeps no places of a picture of {size_px} pixels; use a larger preprocess.size")
    why = f"{model} keeps no places behind it" if block in names else f"{model} has no such block"
    raise UserError(f"explain.block: {block}: {why}; use one of {', '.join(usable)}{did_you_mean(block, usable)}")


def activations_and_gradients(
    classifier: Classifier, places: Places, images: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """What images are at ``places``, and the gradient of their classes' logits by it; each (N, C, side, side).

    Nothing but the part between the places and the logits is differentiated, no parameter is given a gradient, and it
    does not matter which are frozen. What the next layer does in place, such as a ReLU, counts as the module's own.

    Args:
        classifier: in evaluation mode.
        places: of it.
        images: (N, 1, H, W) in [0, 1].
        targets: number of each image's class, (N,).
    """
    reached: list[Tensor] = []

    def begin(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> Tensor:
        torch.set_grad_enabled(True)  # until the end of no_grad below
        # a copy, because a leaf must not be changed in place
        reached.append(output.detach().requires_grad_().clone())
        return reached[-1]

    handle = classifier.network.get_submodule(places.path).register_forward_hook(begin)
    try:
        with torch.no_grad():
            logits = classifier(images)
    finally:
        handle.remove()
    wanted = F.one_hot(targets, logits.shape[1]).to(logits)
    (gradient,) = torch.autograd.grad(logits, reached, wanted)
    return places.of(reached[0].detach()), places.of(gradient)


@contextmanager
def evaluating(classifier: Classifier) -> Iterator[None]:
    """Every module in evaluation mode; afterwards each is in the mode in which it was."""
    modes = [(module, module.training) for module in classifier.modules()]
    strategies.set_evaluation(classifier)
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def pictures(pixels: NDArray[np.generic], device: torch.device) -> Tensor:
    """Gray images (N, 1, H, W) in [0, 1] of pixels (N, H, W) from 0 to 255."""
    return torch.from_numpy(pixels.astype(np.float32)).to(device).unsqueeze(1) / 255


def enlarge(heat: Tensor, size_px: int) -> NDArray[np.float32]:
    """Heat of places (N, h, w), 0 or more, for every pixel: (N, size_px, size_px) float32, bilinear.

    Each map is divided by its own maximum; one that is zero everywhere stays so.
    """
    full = F.interpolate(heat.float().unsqueeze(1), (size_px, size_px), mode="bilinear", align_corners=False)[:, 0]
    largest = full.amax(dim=(1, 2), keepdim=True)
    maps: NDArray[np.float32] = (full / torch.where(largest > 0, largest, 1)).cpu().numpy()
    return maps


def token_grid(network: nn.Module, tokens: int) -> tuple[int, int] | None:
    """Places a side and the number of other tokens, of so many tokens; None if they are no square of places.

    timm says how many other tokens there are, and where it is not said they are as few as can be.
    """
    told: Any = getattr(network, "num_prefix_tokens", 0)
    for others in (told, *range(MOST_OTHER_TOKENS + 1)):
        side = math.isqrt(max(tokens - others, 0))
        if side > 1 and side**2 == tokens - others:
            return side, others
    return None


def _last_of(classifier: Classifier, block: str, outputs: Iterable[_Output], size_px: int) -> Places | None:
    """The last of a block's outermost modules whose output has places on which the logits depend."""
    found = _with_places(classifier, block, outputs)
    paths = {places.path for places in found}
    outermost = [one for one in found if not any(one.path.startswith(f"{path}.") for path in paths)]
    return next((one for one in reversed(outermost) if _matters(classifier, one, size_px)), None)


def _with_places(classifier: Classifier, block: str, outputs: Iterable[_Output]) -> list[Places]:
    """The modules of a block whose output has places, in the order in which they finish."""
    found: list[Places] = []
    for path, shape in outputs:
        grid = _grid(classifier.network, shape, found) if classifier.block_of(path) == block else None
        if grid is not None:
            found.append(Places(block, path, *grid))
    return found


def _grid(network: nn.Module, shape: torch.Size, before: list[Places]) -> tuple[Layout, int, int] | None:
    """Layout, side and other tokens of one picture's output; None if it has no places.

    Pictures are square, so the two sides that are equal are those of the places. Where the channels are as many, the
    layout is that of the output before.
    """
    if len(shape) == 3 and (grid := token_grid(network, shape[1])) is not None:
        return "tokens", *grid
    if len(shape) != 4 or shape[2] < 2:
        return None
    is_first, is_last = shape[2] == shape[3], shape[1] == shape[2]
    if is_first and is_last:
        is_first = not before or before[-1].layout != "channels last"
    if is_first:
        return "channels first", shape[2], 0
    return ("channels last", shape[2], 0) if is_last else None


def _matters(classifier: Classifier, places: Places, size_px: int) -> bool:
    """Whether the logits depend on the places, which behind the last attention only the class token may reach."""
    if not places.other_tokens:
        return True
    device = classifier.mean.device
    grays = torch.linspace(0, 1, size_px**2, device=device).view(1, 1, size_px, size_px)
    _, gradients = activations_and_gradients(classifier, places, grays, torch.zeros(1, dtype=torch.long, device=device))
    return bool(gradients.any())


@torch.no_grad()
def _outputs(classifier: Classifier, size_px: int) -> list[_Output]:
    """The shape of what each module that is called once makes of one picture, in the order in which they finish."""
    outputs: list[_Output] = []

    def note(path: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
            if isinstance(output, Tensor):
                outputs.append(_Output(path, output.shape))

        return hook

    with ExitStack() as hooks:
        for path, module in classifier.network.named_modules():
            hooks.callback(module.register_forward_hook(note(path)).remove)
        classifier(torch.zeros(1, 1, size_px, size_px, device=classifier.mean.device))
    times = Counter(output.path for output in outputs)
    return [output for output in outputs if times[output.path] == 1]
