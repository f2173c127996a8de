"""The engine: what it learns, what it keeps, and that strategies are compared in pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from thaw.backbones.classifier import Classifier, build_classifier
from thaw.errors import UserError
from thaw.params.schema import Phase, TrainParams
from thaw.training.batches import Examples, shuffled_batches
from thaw.training.engine import Best, Curve, Epoch, Trainer
from thaw.training.inference import predict_logits
from thaw.training.randomness import stream, stream_seed

CPU = torch.device("cpu")


def settings(**more: Any) -> TrainParams:
    values = {
        "batch_size": 8, "optimizer": "adamw", "weight_decay": 0.01, "schedule": "cosine", "augment": "light",
        "mirror": False, "class_weights": True, "max_class_weight": 10.0, "precision": "fp32", "device": "cpu",
    }  # fmt: skip
    return TrainParams.model_validate({**values, **more})


def phase(thaw: Any, **more: Any) -> Phase:
    return Phase.model_validate({"thaw": thaw, "epochs": 1, "lr": 1e-3, **more})


def bright_or_dark(count: int, seed: int) -> Examples:
    """Two classes that any network tells apart: bright and dark pictures."""
    random = np.random.default_rng(seed)
    bright = np.arange(count) % 2
    pixels = (random.integers(0, 100, (count, 32, 32)) + 120 * bright[:, None, None]).astype(np.uint8)
    return Examples(pixels, np.arange(count), np.eye(2, dtype=np.int64)[bright])


def trainer(classifier: Classifier | None = None, seed: int = 0, **more: Any) -> Trainer:
    network = classifier or build_classifier("resnet18", 2, seed)
    return Trainer(network, bright_or_dark(32, 0), bright_or_dark(16, 1), "multiclass", settings(**more), seed, CPU)


def test_it_learns_what_is_easy() -> None:
    epochs: list[Epoch] = []
    trainer().fit([phase("all", epochs=3)], epochs.append)
    assert [epoch.number for epoch in epochs] == [1, 2, 3]
    assert epochs[-1].train.loss < epochs[0].train.loss
    assert max(epoch.val.auroc_macro or 0 for epoch in epochs) > 0.95


def test_two_runs_give_the_same_bits() -> None:
    states = []
    for _ in range(2):
        one = trainer()
        one.fit([phase("head"), phase({"last": 1}, start="last")], lambda _: None)
        states.append(one.classifier.network.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_the_classifier_ends_at_its_best_epoch() -> None:
    one = trainer()
    logits = {}
    one.fit(
        [phase("all", epochs=3, lr=0.05)],
        lambda epoch: logits.update({epoch.number: predict_logits(one.classifier, one.val, 8, CPU, "fp32")}),
    )
    final = predict_logits(one.classifier, one.val, 8, CPU, "fp32")
    assert np.array_equal(final, logits[one.best.epoch])


def test_the_best_epoch_is_by_auroc_then_loss_and_by_loss_where_auroc_is_undefined() -> None:
    classifier = build_classifier("resnet18", 2, 0)

    def best_of(*curves: tuple[float, float | None]) -> int:
        best = Best()
        for number, (loss, auroc) in enumerate(curves, start=1):
            best.update(Epoch(number, 1, 0.1, 1.0, Curve(1, 1, None), Curve(loss, 1, auroc)), classifier)
        return best.epoch

    assert best_of((0.5, 0.8), (0.4, 0.7)) == 1
    assert best_of((0.5, 0.8), (0.4, 0.8)) == 2
    assert best_of((0.5, None), (0.4, None), (0.6, None)) == 2


@pytest.mark.parametrize("start", ["best", "last"])
def test_a_later_phase_starts_where_it_says(start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = trainer()
    seen: list[dict[str, torch.Tensor]] = []
    real = Trainer._phase

    def spy(self: Trainer, *arguments: Any) -> None:
        seen.append({name: tensor.clone() for name, tensor in self.classifier.network.state_dict().items()})
        real(self, *arguments)
        seen.append({name: tensor.clone() for name, tensor in self.classifier.network.state_dict().items()})

    def keep_the_first(self: Best, epoch: Epoch, classifier: Classifier) -> None:
        if not self.state:
            update(self, epoch, classifier)

    update = Best.update
    monkeypatch.setattr(Best, "update", keep_the_first)
    monkeypatch.setattr(Trainer, "_phase", spy)
    one.fit([phase("all", epochs=2), phase("head", start=start)], lambda _: None)
    same_as_last = all(torch.equal(seen[1][name], seen[2][name]) for name in seen[1])
    assert same_as_last == (start == "last")


def test_strategies_see_the_same_batches_and_augmentations(monkeypatch: pytest.MonkeyPatch) -> None:
    images: dict[str, list[torch.Tensor]] = {"frozen": [], "full": []}
    for name, thaw in (("frozen", "head"), ("full", "all")):
        one = trainer(build_classifier("efficientnet_b0", 2, 0))
        forward = Classifier.forward

        def spy(self: Classifier, gray: torch.Tensor, name: str = name, forward: Any = forward) -> torch.Tensor:
            images[name].append(gray.clone())
            result: torch.Tensor = forward(self, gray)
            return result

        with monkeypatch.context() as patch:
            patch.setattr(Classifier, "forward", spy)
            one.fit([phase(thaw, epochs=2)], lambda _: None)
    assert len(images["frozen"]) == len(images["full"]) > 0
    assert all(torch.equal(*pair) for pair in zip(images["frozen"], images["full"], strict=True))
    assert not torch.equal(images["full"][0], images["full"][len(images["full"]) // 2])


def test_a_loss_that_is_no_number_is_one_line() -> None:
    with pytest.raises(UserError, match="epoch 1; lower the learning rate"):
        trainer(optimizer="adam", weight_decay=0.0).fit([phase("all", lr=1e30)], lambda _: None)


def test_a_phase_that_does_not_fit_the_network_is_told_before_training() -> None:
    epochs: list[Epoch] = []
    with pytest.raises(UserError, match="layer9"):
        trainer().fit([phase("head"), phase({"from": "layer9"})], epochs.append)
    assert epochs == []


def test_the_learning_rate_follows_the_schedule() -> None:
    for schedule, expected in (("constant", [1e-3] * 4), ("cosine", [1e-3, 0.853553e-3, 0.5e-3, 0.146447e-3])):
        epochs: list[Epoch] = []
        trainer(schedule=schedule).fit([phase("head", epochs=4)], epochs.append)
        assert [epoch.learning_rate for epoch in epochs] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("count", "sizes"), [(10, [4, 4, 2]), (9, [4, 5]), (1, [1]), (8, [4, 4])])
def test_batches_hold_every_image_once_and_never_one_alone(count: int, sizes: list[int]) -> None:
    batches = shuffled_batches(count, 4, stream(0, "order", 0))
    assert [len(batch) for batch in batches] == sizes
    assert sorted(torch.cat(batches).tolist()) == list(range(count))


def test_streams_differ_by_use_epoch_and_seed() -> None:
    seeds = {stream_seed(s, use, e) for s in (0, 1) for use in ("order", "augmentation", "dropout") for e in (0, 1)}  # type: ignore[arg-type]
    assert len(seeds) == 12
