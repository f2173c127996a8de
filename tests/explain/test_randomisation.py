"""The cascade of randomised blocks: in order, on a copy, from the seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from thaw.backbones.classifier import build_classifier
from thaw.backbones.networks import architecture_of
from thaw.explain.randomisation import _likeness, _randomise, _stops, measure_randomisation

CPU = torch.device("cpu")
TINY = "timm/test_resnet"


def noise(count: int, size_px: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size_px, size_px), dtype=np.uint8)


def test_a_cascade_from_the_head_to_the_stem_leaves_the_network_alone() -> None:
    classifier = build_classifier(TINY, 3, seed=0).train()
    tensors = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
    pixels, targets = noise(3, 64), np.array([0, 1, 2])
    one, again, other = (
        measure_randomisation(classifier, TINY, pixels, targets, "layercam", None, CPU, seed) for seed in (0, 0, 1)
    )
    assert (one["reason"], one["images"]) == (None, 3)
    assert [part["block"] for part in one["blocks"]] == ["head", *reversed(classifier.block_names[:-1])]
    assert all(-1 <= part["correlation"] < 0.99 for part in one["blocks"])
    assert one == again
    assert one != other
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in classifier.state_dict().items())
    assert all(module.training for module in classifier.modules())


def test_one_image_and_one_place_are_enough() -> None:
    """At 32 pixels the last block has a single place, of which BatchNorm alone could estimate nothing."""
    classifier, pixels, target = build_classifier(TINY, 2, 0), noise(1, 32), np.array([0])
    found = measure_randomisation(classifier, TINY, pixels, target, "layercam", None, CPU, 0)
    assert len(found["blocks"]) == len(classifier.block_names)


def test_only_the_block_moves_and_keeps_its_scale() -> None:
    classifier = build_classifier("resnet18", 3, seed=0)
    before = {name: tensor.clone() for name, tensor in classifier.network.named_parameters()}
    _randomise(classifier, "layer4", np.random.default_rng(0))
    moved = {name for name, tensor in classifier.network.named_parameters() if not torch.equal(tensor, before[name])}
    # gains of 1 and biases of 0 have no spread to draw from
    assert moved == {name for name in before if name.startswith("layer4") and before[name].ndim > 1}
    for name in moved:
        old, new = before[name], classifier.network.get_parameter(name)
        assert new.std().item() == pytest.approx(old.std().item(), rel=0.02)
        assert abs(torch.corrcoef(torch.stack([old.flatten(), new.detach().flatten()]))[0, 1]) < 0.02


def test_the_head_is_not_drawn_as_it_began() -> None:
    """The trained head resembles its beginning, which came from the same seed."""
    classifier = build_classifier(TINY, 14, seed=0)
    (path,) = architecture_of(TINY).heads
    weight = classifier.network.get_submodule(path).get_parameter("weight")
    began = weight.detach().clone()
    _randomise(classifier, "head", np.random.default_rng(0))
    assert abs(torch.corrcoef(torch.stack([began.flatten(), weight.detach().flatten()]))[0, 1]) < 0.1


def test_gains_and_biases_are_drawn_about_their_own_mean() -> None:
    classifier = build_classifier("resnet18", 3, seed=0)
    gain = classifier.network.get_parameter("bn1.weight")
    with torch.no_grad():
        gain.copy_(torch.linspace(2, 3, 64))
    _randomise(classifier, "stem", np.random.default_rng(0))
    assert gain.mean().item() == pytest.approx(2.5, abs=0.15)
    assert gain.std().item() == pytest.approx(0.29, abs=0.1)


@pytest.mark.parametrize(
    ("names", "stops"),
    [
        ("ah", [["h"], ["a"]]),
        ("abcdeh", [["h"], ["e"], ["d"], ["c"], ["b"], ["a"]]),
        ("abcdefgijklh", [["h"], ["l", "k"], ["j", "i"], ["g", "f", "e"], ["d", "c"], ["b", "a"]]),
    ],
)
def test_there_are_six_stops_at_most_the_head_alone_and_the_stem_last(names: str, stops: list[list[str]]) -> None:
    assert _stops(names) == stops


def test_likeness_is_the_mean_rank_correlation_where_there_is_one() -> None:
    maps = np.random.default_rng(0).random((3, 5, 5)).astype(np.float32)
    assert _likeness(maps, maps) == pytest.approx(1)
    assert _likeness(maps, np.exp(maps)) == pytest.approx(1)
    flat = maps.copy()
    flat[1:] = 0
    assert _likeness(maps, flat) == pytest.approx(1)
    assert _likeness(maps, -maps) == pytest.approx(-1)
    assert _likeness(maps, np.zeros_like(maps)) is None


def test_without_images_there_is_a_reason() -> None:
    classifier, pixels, targets = build_classifier(TINY, 2, 0), noise(0, 32), np.empty(0, dtype=np.int64)
    found = measure_randomisation(classifier, TINY, pixels, targets, "gradcam", None, CPU, 0)
    assert found == {"reason": "there is no image to measure", "images": 0, "blocks": []}
