"""Frozen blocks that are computed once train the same network as ones that are computed in every epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from thaw.backbones.classifier import Classifier, build_classifier
from thaw.training.device import keep_freed_memory
from thaw.training.engine import Trainer
from thaw.training.prefix import Prefix
from thaw.training.store import Store

from .made import phase, same, state_of, trainer

MODELS = ["mobilenet_v2", "densenet121", "timm/resnet10t"]
PARTS = [phase("head", epochs=3, lr=0.01), phase({"last": 1}, epochs=2), phase("head", epochs=2, adapt_norm=True)]


def store(folder: Path, limit_gib: float = 1.0) -> Store:
    return Store(folder, limit_gib, "these images")


def trained(model: str, its_store: Store | None, phases: Any = PARTS, **more: Any) -> Trainer:
    keep_freed_memory()
    one = trainer(build_classifier(model, 2, seed=0, size_px=32), store=its_store, **more)
    one.fit(phases, lambda _: None)
    return one


def assert_alike(one: Trainer, other: Trainer) -> None:
    for mine, theirs in zip(one.state.history, other.state.history, strict=True):
        assert mine.train.loss == pytest.approx(theirs.train.loss, abs=1e-4)
        assert mine.val.loss == pytest.approx(theirs.val.loss, abs=1e-4)
    ends = state_of(one.classifier), state_of(other.classifier)
    assert all(torch.allclose(ends[0][name].float(), ends[1][name].float(), atol=1e-4) for name in ends[0])


@pytest.mark.parametrize("model", MODELS)
def test_without_augmentation_it_is_the_same_training(model: str, tmp_path: Path) -> None:
    fast = trained(model, store(tmp_path), augment="none")
    assert sum(epoch.saved_seconds for epoch in fast.state.history) > 0
    assert_alike(fast, trained(model, None, augment="none"))


@pytest.mark.parametrize("more", [{}, {"loss": {"sampling": "balanced"}}, {"mirror": True, "augment": "none"}])
def test_augmentations_that_come_again_are_the_same_training(more: dict[str, Any], tmp_path: Path) -> None:
    """Dropout before the head of EfficientNet included: it draws the same numbers."""
    fast = trained("efficientnet_b0", store(tmp_path), frozen_views=2, **more)
    assert_alike(fast, trained("efficientnet_b0", None, frozen_views=2, **more))


@pytest.mark.parametrize("more", [{}, {"loss": {"sampling": "balanced"}}])
def test_ever_new_augmentation_is_the_same_training(more: dict[str, Any], tmp_path: Path) -> None:
    for _ in range(2):  # the cell that fills the cache, and one that finds it filled
        assert_alike(trained("resnet18", store(tmp_path), **more), trained("resnet18", None, **more))


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    computed: list[int] = []
    activations = Prefix.activations

    def count(self: Prefix, images: torch.Tensor) -> torch.Tensor:
        computed.append(len(images))
        return activations(self, images)

    monkeypatch.setattr(Prefix, "activations", count)
    return computed


def test_every_view_is_computed_once_by_the_first_cell_that_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = counted(monkeypatch)
    again = [phase("head", epochs=6)]
    first = trained("resnet18", store(tmp_path), again, frozen_views=2)
    # few images find the end of the frozen blocks; then two views of 32 images, and 16 to validate on
    assert sum(count for count in computed if count > 2) == 2 * 32 + 16
    computed.clear()
    second = trained("resnet18", store(tmp_path), [phase("head", epochs=5, lr=0.1)], frozen_views=2)
    assert not [count for count in computed if count > 2]
    assert second.state.history[0].saved_seconds > 0
    assert first.state.history[0].saved_seconds == 0
    assert same(state_of(trained("resnet18", store(tmp_path), again, frozen_views=2).classifier),
                state_of(first.classifier))  # fmt: skip


def test_strategies_of_a_seed_share_one_pass_over_the_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ever new augmentation, three epochs: head, then the last block, then both parts of another strategy."""
    computed, passes = counted(monkeypatch), list[int]()
    ends = []
    for phases in ([phase("head", epochs=3)], [phase({"last": 1}, epochs=3)],
                   [phase("head", epochs=2), phase({"last": 1}, epochs=1, start="last")]):  # fmt: skip
        computed.clear()
        ends.append(trained("resnet18", store(tmp_path), phases))
        passes.append(sum(count for count in computed if count > 2))
    assert passes == [3 * 32 + 16, 0, 0]
    monkeypatch.undo()
    for phases, end in zip(
        ([phase("head", epochs=3)], [phase({"last": 1}, epochs=3)]), ends[:2], strict=True
    ):  # fmt: skip
        assert_alike(end, trained("resnet18", None, phases))


def test_the_nearest_that_is_there_is_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, beyond = list[str](), Prefix.activations_from

    def spy(self: Prefix, shorter: Prefix, known: torch.Tensor) -> torch.Tensor:
        begun.append(f"{self.entry} from {shorter.entry}")
        return beyond(self, shorter, known)

    monkeypatch.setattr(Prefix, "activations_from", spy)
    for thaw in ({"last": 1}, "head"):
        trained("mobilenet_v2", store(tmp_path), [phase(thaw, epochs=1)])
    assert set(begun) == {"features.18 from features.7", "classifier from features.18"}


def test_other_weights_images_seeds_and_augmentations_are_not_confused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = counted(monkeypatch)
    more: list[tuple[str, Any, dict[str, Any]]] = [
        ("resnet18", "head", {}), ("resnet18", "head", {"seed": 1}), ("resnet18", {"last": 2}, {}),
        ("resnet18", "head", {"augment": "medical"}), ("resnet18", "head", {"precision": "bf16"}),
        ("resnet34", "head", {}), ("resnet18", "head", {"mirror": True}), ("resnet18", "head", {"batch_size": 16}),
    ]  # fmt: skip
    for model, thaw, other in more:
        computed.clear()
        trained(model, store(tmp_path), [phase(thaw, epochs=2)], frozen_views=1, **other)
        # validation images are augmented by nobody, so what only augmentation tells apart shares theirs
        assert sum(count for count in computed if count > 2) in (32, 48), other
    computed.clear()
    trained("resnet18", Store(tmp_path, 1.0, "other images"), [phase("head", epochs=2)], frozen_views=1)
    assert sum(count for count in computed if count > 2) == 48


def test_what_does_not_fit_is_computed_in_every_epoch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fast = trained("resnet18", store(tmp_path, limit_gib=1e-6), augment="none", cache_gib=1e-6)
    assert "train.cache_gib (1e-06) allows" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.bin"))
    assert_alike(fast, trained("resnet18", None, augment="none"))


@pytest.mark.parametrize("thaw", ["norm", "bias", "all"])
def test_where_the_first_block_moves_nothing_is_kept(thaw: Any, tmp_path: Path) -> None:
    trained("resnet18", store(tmp_path), [phase(thaw, epochs=2)], augment="none")
    assert not list(tmp_path.iterdir())


def test_a_range_keeps_what_its_steps_repeat(tmp_path: Path) -> None:
    steps = [phase({"last": "1..0"}, epochs=5)]
    fast = trained("resnet18", store(tmp_path), steps, augment="none")
    assert len(list(tmp_path.glob("*.bin"))) == 4
    assert_alike(fast, trained("resnet18", None, steps, augment="none"))


def test_memory_that_does_not_suffice_halves_the_frozen_blocks_batches_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = Classifier.forward

    def narrow(self: Classifier, gray: torch.Tensor) -> torch.Tensor:
        if len(gray) > 4:
            raise torch.OutOfMemoryError("no")
        result: torch.Tensor = forward(self, gray)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "forward", narrow)
        fast = trained("resnet18", store(tmp_path), [phase("head", epochs=3)], augment="none")
    assert fast.state.part_images == 4
    assert_alike(fast, trained("resnet18", None, [phase("head", epochs=3)], augment="none"))
