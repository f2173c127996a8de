"""A frozen backbone that is computed once trains the same head as one that is computed in every epoch."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from thaw.backbones.classifier import Classifier, build_classifier
from thaw.strategies import plans, set_training
from thaw.training.device import keep_freed_memory
from thaw.training.engine import Trainer
from thaw.training.reuse import Backbone, head_entry, trains_head_alone

from .made import CPU, phase, state_of, trainer

MODELS = ["resnet18", "efficientnet_b0", "mobilenet_v2", "densenet121", "convnext_tiny", "swin_t", "timm/resnet10t"]


def trained(model: str, monkeypatch: pytest.MonkeyPatch, reuse: bool, **more: Any) -> Trainer:
    """Two phases, the second of which trains the head alone too; without ``reuse`` by the slow path."""
    keep_freed_memory()
    one = trainer(build_classifier(model, 2, seed=0, size_px=32), **more)
    with monkeypatch.context() as patch:
        if not reuse:
            patch.setattr(Trainer, "_features_to_keep", lambda *_: None)
        one.fit([phase("head", epochs=3, lr=0.01), phase("head", epochs=1, lr=0.01, adapt_norm=True)], lambda _: None)
    assert (one.kept is not None) == reuse
    return one


@pytest.mark.parametrize("model", MODELS)
def test_without_augmentation_it_is_the_same_training(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fast, slow = (trained(model, monkeypatch, reuse, augment="none") for reuse in (True, False))
    for one, other in zip(fast.state.history, slow.state.history, strict=True):
        assert one.train.loss == pytest.approx(other.train.loss, abs=1e-5)
        assert one.val.loss == pytest.approx(other.val.loss, abs=1e-5)
    ends = state_of(fast.classifier), state_of(slow.classifier)
    assert all(torch.allclose(ends[0][name].float(), ends[1][name].float(), atol=1e-5) for name in ends[0])


def test_as_many_views_as_epochs_are_the_same_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropout before the head of EfficientNet included: it draws the same numbers."""
    fast = trained("efficientnet_b0", monkeypatch, True, frozen_views=4)
    slow = trained("efficientnet_b0", monkeypatch, False)
    for one, other in zip(fast.state.history, slow.state.history, strict=True):
        assert one.train.loss == pytest.approx(other.train.loss, abs=1e-5)
        assert one.val.loss == pytest.approx(other.val.loss, abs=1e-5)


def test_fewer_views_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []
    features = Backbone.features

    def counted(self: Backbone, images: torch.Tensor) -> torch.Tensor:
        computed.append(len(images))
        return features(self, images)

    monkeypatch.setattr(Backbone, "features", counted)
    one = trainer(frozen_views=2)
    one.fit([phase("head", epochs=6)], lambda _: None)
    # two images twice to see whether it repeats itself, then two views of 32 images and 16 to validate on
    assert sum(computed) == 4 + 2 * 32 + 16


@pytest.mark.parametrize("thaw", ["norm", "bias", {"last": 1}, {"last": "0..1"}, "all"])
def test_where_more_than_the_head_moves_nothing_is_kept(thaw: Any) -> None:
    one = trainer(augment="none")
    one.fit([phase(thaw, epochs=2)], lambda _: None)
    assert one.kept is None


def test_with_new_augmentation_in_every_epoch_nothing_is_kept() -> None:
    one = trainer()
    one.fit([phase("head")], lambda _: None)
    assert one.kept is None


def test_a_backbone_that_does_not_repeat_itself_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = Classifier.forward

    def noisy(self: Classifier, gray: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = forward(self, gray + torch.rand_like(gray))
        return result

    monkeypatch.setattr(Classifier, "forward", noisy)
    one = trainer(augment="none")
    one.fit([phase("head")], lambda _: None)
    assert one.kept is None


@pytest.mark.parametrize(
    ("model", "name"), [("resnet18", "fc"), ("efficientnet_b0", "classifier"), ("vgg16", "classifier.6")]
)
def test_the_head_begins_where_nothing_of_the_backbone_follows(model: str, name: str) -> None:
    with torch.device("meta"):
        classifier = build_classifier(model, 2, seed=0)
    assert head_entry(classifier) is classifier.network.get_submodule(name)


def test_features_become_the_networks_own_logits() -> None:
    classifier = build_classifier("efficientnet_b0", 3, seed=0)
    (plan,) = plans(classifier, phase("head"))
    assert trains_head_alone(classifier, plan)
    set_training(classifier, plan)
    entry = head_entry(classifier)
    assert entry is not None
    backbone, images = Backbone(classifier, entry, 64, CPU, "fp32"), torch.rand(5, 1, 64, 64)
    torch.manual_seed(1)
    expected = classifier(images)
    torch.manual_seed(1)
    assert torch.equal(backbone.logits(backbone.features(images)), expected)
