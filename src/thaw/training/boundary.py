"""The boundary between blocks up to which all strategies of a model share what frozen blocks give.

The rule looks at the network alone, not at the strategies, so that whichever cell comes first keeps what the others
need: the activations between two blocks shrink towards the head, and as soon as they are no larger than the picture
they are cheaper to keep than to compute again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from thaw import strategies
from thaw.backbones.classifier import Classifier
from thaw.params.strategy import Phase
from thaw.strategies import Plan
from thaw.training.device import Precision
from thaw.training.prefix import Prefix, find_prefix


@dataclass(frozen=True)
class Boundary:
    """A place between two blocks.

    Attributes:
        place: number of the block that follows it, from 0.
        plan: which freezes exactly the blocks before it.
        prefix: the blocks before it.
        image_bytes: that its activations take for an image.
    """

    place: int
    plan: Plan
    prefix: Prefix
    image_bytes: int


def first_that_moves(classifier: Classifier, plan: Plan) -> int:
    """Number of the first block, from 0, of which a tensor moves; the head is one."""
    moving = [name for name, rate in plan.parameters.items() if rate is not None]
    moving += [name for name, moves in plan.buffers.items() if moves]
    return min(classifier.block_names.index(classifier.block_of(name)) for name in moving)


def boundaries_to_use(
    boundaries: Sequence[Boundary], before: int, fits: Callable[[int], bool]
) -> list[Boundary]:  # fmt: skip
    """Boundaries before a block, by its number, from the nearest to it on.

    The last one is that which all strategies share: the one nearest to the image whose activations can be kept. The
    others are there if another strategy needed them.

    Args:
        boundaries: what ``find_boundaries`` found.
        before: number of the block.
        fits: whether so many bytes an image can be kept.
    """
    shared = min((one.place for one in boundaries if one.place < before and fits(one.image_bytes)), default=before)
    return sorted((one for one in boundaries if shared <= one.place < before), key=lambda one: one.place, reverse=True)


def find_boundaries(classifier: Classifier, images: Tensor, precision: Precision) -> Iterator[Boundary]:
    """From the head towards the image, as long as an image's activations are no more numbers than its pixels.

    Args:
        classifier: any; it is left in other modes than it had.
        images: a few (B, 1, H, W) in [0, 1], on the device.
        precision: of the computation.
    """
    for place in reversed(range(1, len(classifier.block_names) - 1)):
        last = len(classifier.block_names) - 1 - place
        phase = Phase.model_validate({"thaw": {"last": last}, "epochs": 1, "lr": 1.0})
        (plan,) = strategies.plans(classifier, phase)
        prefix = find_prefix(classifier, plan, images, precision)
        if prefix is None:
            continue
        activations = prefix.activations(images)
        if activations.numel() > images.numel():
            return
        yield Boundary(place, plan, prefix, activations.nbytes // len(images))
