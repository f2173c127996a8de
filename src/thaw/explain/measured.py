"""What is measured of a trained network's heat maps and of its features, and on which test images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from thaw.explain.drawn import Examples, Pair, draw_images, of_images, one_an_image, pixels_of, positive_pairs
from thaw.explain.faithfulness import measure_faithfulness
from thaw.explain.localisation import measure_localisation
from thaw.explain.maps import shrink
from thaw.explain.network import ExplainedNetwork
from thaw.explain.randomisation import measure_randomisation
from thaw.explain.similarity import block_similarity
from thaw.labels import Task
from thaw.prepared import Prepared

Boxes = Mapping[Pair, NDArray[np.floating]]

# for the time: with 16 steps the four curves of one image are 68 passes
FEW_IMAGES = 8
SIMILAR_IMAGES = 64  # all pass the network at once

NOT_WANTED, NO_BOXES = "explain.images is 0", "the set has no boxes"
NONE_BOXED = "no test image has a box of a class that it is labelled with"


def shown_maps(network: ExplainedNetwork, data: Prepared, pairs: Iterable[Pair]) -> dict[Pair, NDArray[np.uint8]]:
    """The stored map (56, 56) of each image and class, each once, in their order."""
    examples = Examples.of(data, list(dict.fromkeys(pairs)))
    chunks = network.maps_in_chunks(examples.pixels, examples.targets)
    small = [one for chunk in chunks for one in shrink(chunk)]
    return dict(zip(examples.pairs, small, strict=True))


def measure_maps(network: ExplainedNetwork, data: Prepared, boxes: Boxes, confidence: float) -> dict[str, Any]:
    """Whether heat maps lie where they should, show what the network uses, and depend on what it has learnt.

    Args:
        network: trained.
        data: at most ``explain.images`` of its test images are measured, those with boxes where there are any; at most
            eight for what needs many passes.
        boxes: by image and class, (k, 4) in fractions of the square that the network sees.
        confidence: of intervals.

    Returns:
        ``localisation``, ``faithfulness`` and ``randomisation`` as ``explain.json`` holds them, each with ``reason``:
        why it is not measured, or None.
    """
    wanted, positive = network.settings.images, positive_pairs(data)
    boxed = [pair for pair in positive if len(boxes.get(pair, ()))]
    localised = Examples.of(data, of_images(boxed, wanted))
    few = Examples.of(data, one_an_image(boxed or positive, min(wanted, FEW_IMAGES)))
    reason = {} if wanted else {"reason": NOT_WANTED}
    no_boxes = {"reason": NONE_BOXED if boxes else NO_BOXES, "trained": None, "untrained": None}
    return {
        "localisation": (_localisation(network, localised, boxes, confidence) if localised.pairs else no_boxes)
        | reason,
        "faithfulness": _faithfulness(network, few, data.task) | reason,
        "randomisation": _randomisation(network, few) | reason,
    }


def measure_similarity(
    network: ExplainedNetwork, data: Prepared, pretrained: Mapping[str, Tensor] | None
) -> list[dict[str, Any]]:
    """How alike each block's output is before and after the training, on at most 64 test images.

    Args:
        network: trained.
        data: at most ``explain.images`` of its test images are measured; of none nothing is told.
        pretrained: tensors of the backbone; None: it began with random ones.
    """
    images = draw_images(data, min(network.settings.images, SIMILAR_IMAGES))
    if not images:
        return []
    before = network.untrained(pretrained).classifier
    return block_similarity(network.classifier, before, pixels_of(data, images), network.device)


def _localisation(network: ExplainedNetwork, examples: Examples, boxes: Boxes, confidence: float) -> dict[str, Any]:
    """How often the heat lies in the boxes, of the trained network and of one that has learnt nothing."""
    images, classes = zip(*examples.pairs, strict=True)
    measured = {
        name: measure_localisation(
            one.maps(examples.pixels, examples.targets), [boxes[pair] for pair in examples.pairs], classes,
            examples.patients, confidence, images=images,
        )
        for name, one in (("trained", network), ("untrained", network.untrained()))
    }  # fmt: skip
    return {"reason": None, **measured}


def _faithfulness(network: ExplainedNetwork, examples: Examples, task: Task) -> dict[str, Any]:
    maps = network.maps(examples.pixels, examples.targets)
    return measure_faithfulness(
        network.classifier, examples.pixels, examples.targets, maps, network.settings.steps, task, network.device,
        network.seed,
    )  # fmt: skip


def _randomisation(network: ExplainedNetwork, examples: Examples) -> dict[str, Any]:
    settings = network.settings
    return measure_randomisation(
        network.classifier, network.model, examples.pixels, examples.targets, settings.method, settings.block,
        network.device, network.seed,
    )  # fmt: skip
