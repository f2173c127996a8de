"""The engine: what it learns, what it keeps, and that strategies are compared in pairs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from thaw.backbones.classifier import Classifier, build_classifier
from thaw.errors import UserError
from thaw.training.batches import cut
from thaw.training.curve import Curve
from thaw.training.engine import Trainer
from thaw.training.epoch import NotFiniteError
from thaw.training.inference import predict_logits
from thaw.training.randomness import stream_seed
from thaw.training.state import Epoch, State

from .made import CPU, phase, same, state_of, trainer


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
        lambda epoch: logits.update({epoch.number: predict_logits(one.classifier, one.runner.val, 8, CPU, "fp32")}),
    )
    final = predict_logits(one.classifier, one.runner.val, 8, CPU, "fp32")
    assert np.array_equal(final, logits[one.state.best])


def test_the_best_epoch_is_by_auroc_then_loss_and_by_loss_where_auroc_is_undefined() -> None:
    classifier = build_classifier("resnet18", 2, 0)

    def best_of(*curves: tuple[float, float | None]) -> int:
        state = State()
        for number, (loss, auroc) in enumerate(curves, start=1):
            epoch = Epoch(number, 1, 0.1, 8, 0.0, 1.0, 1.0, 0.0, Curve(1, 1, None), Curve(loss, 1, auroc))
            state = state.after(epoch, classifier.network, {}, {})
        return state.best

    assert best_of((0.5, 0.8), (0.4, 0.7)) == 1
    assert best_of((0.5, 0.8), (0.4, 0.8)) == 2
    assert best_of((0.5, None), (0.4, None), (0.6, None)) == 2


@pytest.mark.parametrize("start", ["best", "last", "pretrained"])
def test_a_later_phase_starts_where_it_says(start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = trainer()
    places = {"pretrained": state_of(one.classifier)}
    begun: list[dict[str, torch.Tensor]] = []
    begin, after = Trainer._begin, State.after

    def spy(self: Trainer, *arguments: Any) -> None:
        begin(self, *arguments)
        begun.append(state_of(self.classifier))

    def keep_the_first(self: State, epoch: Epoch, *arguments: Any) -> State:
        state = after(self, epoch, *arguments)
        places[{1: "best", 2: "last"}.get(epoch.number, "later")] = state_of(one.classifier)
        return replace(state, best=1, best_tensors=places["best"])

    monkeypatch.setattr(State, "after", keep_the_first)
    monkeypatch.setattr(Trainer, "_begin", spy)
    one.fit([phase("all", epochs=2), phase("head", start=start)], lambda _: None)
    assert [name for name in ("pretrained", "best", "last") if same(begun[1], places[name])] == [start]


def test_strategies_see_the_same_batches_and_augmentations(monkeypatch: pytest.MonkeyPatch) -> None:
    images: dict[str, list[torch.Tensor]] = {"frozen": [], "full": []}
    for name, thaw in (("frozen", "head"), ("full", "all")):
        one = trainer(build_classifier("efficientnet_b0", 2, 0))
        forward = Classifier.forward

        def spy(self: Classifier, gray: torch.Tensor, name: str = name, forward: Any = forward) -> torch.Tensor:
            if len(gray) > 2:  # fewer try out where the frozen blocks end
                images[name].append(gray.clone())
            result: torch.Tensor = forward(self, gray)
            return result

        with monkeypatch.context() as patch:
            patch.setattr(Classifier, "forward", spy)
            one.fit([phase(thaw, epochs=2)], lambda _: None)
    assert len(images["frozen"]) == len(images["full"]) > 0
    assert all(torch.equal(*pair) for pair in zip(images["frozen"], images["full"], strict=True))
    assert not torch.equal(images["full"][0], images["full"][len(images["full"]) // 2])


def test_a_loss_that_is_no_number_names_epoch_batch_and_rate() -> None:
    one = trainer(optimizer="adam", weight_decay=0.0, schedule="constant")
    message = r"the loss is nan in epoch 2, batch 2 of 4, at learning rate 1e\+30; lower the learning rate"
    with pytest.raises(NotFiniteError, match=message):
        one.fit([phase("head"), phase("all", lr=1e30, start="last")], lambda _: None)
    assert one.state.best == 1
    assert all(tensor.isfinite().all() for tensor in one.state.best_tensors.values())


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
    batches = cut(torch.arange(count), 4)
    assert [len(batch) for batch in batches] == sizes
    assert torch.cat(batches).tolist() == list(range(count))


def test_streams_differ_by_use_epoch_and_seed() -> None:
    seeds = {stream_seed(s, use, e) for s in (0, 1) for use in ("order", "augmentation", "dropout") for e in (0, 1)}  # type: ignore[arg-type]
    assert len(seeds) == 12


def test_a_phase_ends_early_when_it_no_longer_improves() -> None:
    one = trainer(schedule="constant")
    # a rate so small that nothing changes: no epoch is better than the first
    one.fit([phase("head", epochs=9, lr=1e-30, patience=2), phase("head")], lambda _: None)
    assert [epoch.phase for epoch in one.state.history] == [1, 1, 1, 2]


def test_accumulated_gradients_make_the_step_of_the_whole_batch() -> None:
    """BatchNorm frozen, the loss weighted: two parts of 8 train as one batch of 16 does."""
    ends = []
    for more in ({"batch_size": 16}, {"batch_size": 8, "accumulate": 2}):
        one = trainer(optimizer="sgd", weight_decay=0.0, **more)
        one.fit([phase("head", lr=0.1, epochs=2)], lambda _: None)
        ends.append(one.classifier.network.get_parameter("fc.weight").detach())
    assert torch.allclose(*ends, atol=1e-6)
    assert not torch.equal(ends[0], torch.zeros_like(ends[0]))


def test_a_clipped_gradient_is_not_longer_than_it_may_be() -> None:
    one = trainer(optimizer="sgd", weight_decay=0.0, clip_norm=1e-3, schedule="constant", batch_size=32)
    before = state_of(one.classifier)
    one.fit([phase("all", lr=1.0)], lambda _: None)
    moved = [(p.detach() - before[name]).flatten() for name, p in one.classifier.network.named_parameters()]
    assert float(torch.cat(moved).norm()) == pytest.approx(1e-3, rel=1e-3)


def test_a_batch_that_does_not_fit_is_halved_and_the_result_stays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = []
    for most in (32, 3):
        one, forward = trainer(batch_size=16), Classifier.forward

        def narrow(self: Classifier, gray: torch.Tensor, most: int = most, forward: Any = forward) -> torch.Tensor:
            if torch.is_grad_enabled() and len(gray) > most:
                raise torch.OutOfMemoryError("no")
            result: torch.Tensor = forward(self, gray)
            return result

        with monkeypatch.context() as patch:
            patch.setattr(Classifier, "forward", narrow)
            one.fit([phase("head", epochs=2, lr=0.01)], lambda _: None)
        ends.append(one.classifier.network.get_parameter("fc.weight").detach())
        assert one.state.part_images == (16 if most == 32 else 2)
    assert torch.allclose(*ends, atol=1e-6)
    warnings = capsys.readouterr().err.splitlines()
    assert [line.split(" images at once do not fit")[0] for line in warnings] == [
        "warning: 16",
        "warning: 8",
        "warning: 4",
    ]


def test_a_memory_that_holds_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("no")

    monkeypatch.setattr(Classifier, "forward", never)
    with pytest.raises(UserError, match="not even 2 images at once fit the memory"):
        trainer(batch_size=4).fit([phase("head")], lambda _: None)


@pytest.mark.parametrize(
    "change",
    [{"channels_last": False}, {"precision": "bf16"}, pytest.param({"compile": True}, marks=pytest.mark.pipeline)],
)
def test_options_of_speed_change_no_more_than_rounding(change: dict[str, Any]) -> None:
    losses = []
    for more in ({}, change):
        one = trainer(**more)
        one.fit([phase({"last": 1})], lambda _: None)
        losses.append(one.state.history[0].val.loss)
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


@pytest.mark.parametrize("loss", [{"sampling": "balanced"}, {"name": "focal"}, {"hardest": 0.5}, {"smoothing": 0.1}])
def test_every_loss_and_sampling_trains(loss: dict[str, Any]) -> None:
    one = trainer(loss=loss)
    one.fit([phase("all", epochs=3)], lambda _: None)
    assert one.state.history[-1].train.loss < one.state.history[0].train.loss
