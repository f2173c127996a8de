"""Frozen means frozen, for every backbone and strategy, tensor by tensor."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from thaw import strategies
from thaw.backbones.catalog import ARCHITECTURES
from thaw.backbones.classifier import HEAD, Classifier, build_classifier
from thaw.errors import UserError
from thaw.params.schema import Phase, TrainParams
from thaw.training.batches import Examples
from thaw.training.engine import Trainer

BLOCKS = ("stem", "layer1", "layer2", "layer3", "layer4", HEAD)
FAMILIES = list(ARCHITECTURES)
SETTINGS = TrainParams(
    batch_size=4, optimizer="adamw", weight_decay=0.1, schedule="constant", augment="light", mirror=False,
    class_weights=False, max_class_weight=10.0, precision="fp32", device="cpu",
)  # fmt: skip


def phase(thaw: Any, **more: Any) -> Phase:
    return Phase.model_validate({"thaw": thaw, "epochs": 1, "lr": 1e-3, **more})


@pytest.mark.parametrize(
    ("thaw", "first"),
    [("head", HEAD), ("all", "stem"), ({"last": 1}, "layer4"), ({"last": 5}, "stem"), ({"from": "layer2"}, "layer2")],
)
def test_a_rule_thaws_everything_from_a_block_on(thaw: Any, first: str) -> None:
    assert strategies.thawed_blocks(BLOCKS, phase(thaw)) == list(BLOCKS[BLOCKS.index(first) :])


@given(some.lists(some.text("abc", min_size=1), min_size=1, max_size=8, unique=True))
def test_thawing_more_blocks_never_thaws_less(names: list[str]) -> None:
    blocks = (*names, HEAD)
    sets = [set(strategies.thawed_blocks(blocks, phase({"last": count}))) for count in range(1, len(blocks))]
    assert all(smaller < larger for smaller, larger in pairwise(sets))
    assert sets[-1] == set(strategies.thawed_blocks(blocks, phase("all")))


def test_an_unknown_block_lists_the_blocks() -> None:
    with pytest.raises(UserError, match=r"layr2.*stem, layer1.*did you mean 'layer2'"):
        strategies.thawed_blocks(BLOCKS, phase({"from": "layr2"}))


def test_more_blocks_than_there_are_is_told() -> None:
    with pytest.raises(UserError, match=r"last: 6.*5 blocks"):
        strategies.thawed_blocks(BLOCKS, phase({"last": 6}))


def state(classifier: Classifier) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in classifier.network.state_dict().items()}


def settled(model: str) -> Classifier:
    """A random network whose BatchNorm statistics fit it, so that signals and gradients reach every block."""
    classifier = build_classifier(model, 2, seed=0)
    norms = [module for module in classifier.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    classifier.train()
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        classifier(torch.rand(8, 1, 32, 32, generator=torch.Generator().manual_seed(0)))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return classifier


def examples(count: int, seed: int) -> Examples:
    random = np.random.default_rng(seed)
    # one image in four is of the first class: in balance, a head on near-zero features would have nothing to learn
    labels = np.tile([[1, 0], [0, 1], [0, 1], [0, 1]], (count // 4, 1))
    return Examples(random.integers(0, 255, (count, 32, 32), np.uint8), np.arange(count), labels)


@pytest.mark.parametrize("model", FAMILIES)
@pytest.mark.parametrize("thaw", ["head", {"last": 1}, "all"], ids=["frozen", "partial", "full"])
def test_frozen_tensors_stay_bit_identical_and_thawed_ones_move(model: str, thaw: Any) -> None:
    """Two epochs of the true engine: parameters, BatchNorm statistics and counters, one by one."""
    classifier = settled(model)
    rule = phase(thaw, epochs=2, lr=0.01)
    before, thawed = state(classifier), strategies.thawed_blocks(classifier.block_names, rule)
    last = {}
    trainer = Trainer(
        classifier, examples(8, 0), examples(4, 1), "multiclass", SETTINGS, seed=0, device=torch.device("cpu")
    )
    # the last epoch's state, whichever was best: the best one may be the first
    trainer.fit([rule], lambda _: last.update(state(classifier)))
    for name, tensor in before.items():
        moved = not torch.equal(tensor, last[name])
        assert moved == (classifier.block_of(name) in thawed), name


def test_frozen_blocks_are_in_evaluation_mode_while_training() -> None:
    classifier = build_classifier("efficientnet_b0", 2, seed=0)
    plan = strategies.plan(classifier, phase({"last": 2}))
    strategies.set_evaluation(classifier)
    strategies.set_training(classifier, plan)
    training = {classifier.block_of(name) for name, module in classifier.network.named_modules() if module.training}
    assert training == {"stage7", "final", HEAD}


def test_a_frozen_backbone_gives_the_same_features_twice_despite_dropout() -> None:
    classifier = build_classifier("efficientnet_b0", 2, seed=0)
    strategies.set_training(classifier, strategies.plan(classifier, phase("head")))
    images = torch.rand(2, 1, 64, 64)
    features = [classifier.network.get_submodule("features")(images.expand(-1, 3, -1, -1)) for _ in range(2)]
    assert torch.equal(*features)


def test_a_plan_names_every_parameter_buffer_and_module() -> None:
    classifier = build_classifier("densenet121", 2, seed=0)
    plan = strategies.plan(classifier, phase({"last": 1}))
    assert plan.parameters.keys() == dict(classifier.network.named_parameters()).keys()
    assert plan.buffers.keys() == dict(classifier.network.named_buffers()).keys()
    assert plan.modules.keys() == dict(classifier.network.named_modules()).keys()


def test_the_optimizer_holds_thawed_parameters_only_at_their_rates() -> None:
    classifier = build_classifier("resnet18", 2, seed=0)
    plan = strategies.plan(classifier, phase({"last": 1}, lr=0.1, backbone_lr=0.5))
    strategies.apply(classifier, plan)
    groups = strategies.optimizer_groups(classifier, plan, weight_decay=0.3)
    rates = {(group["name"], group["lr"]) for group in groups}
    assert rates == {("layer4", 0.05), (HEAD, 0.1)}
    held = {id(parameter) for group in groups for parameter in group["params"]}
    wanted = {id(p) for n, p in classifier.network.named_parameters() if classifier.block_of(n) in ("layer4", HEAD)}
    assert held == wanted == {id(p) for p in classifier.parameters() if p.requires_grad}
    for group in groups:
        assert {p.ndim > 1 for p in group["params"]} == {group["weight_decay"] > 0}


def test_the_proof_finds_a_frozen_tensor_that_moved() -> None:
    classifier = build_classifier("resnet18", 2, seed=0)
    before = strategies.frozen_tensors(classifier, strategies.plan(classifier, phase("head")))
    strategies.check_frozen(classifier, before)
    with torch.no_grad():
        classifier.network.get_buffer("layer4.1.bn2.running_mean")[0] += 1e-7
    with pytest.raises(RuntimeError, match=r"layer4\.1\.bn2\.running_mean"):
        strategies.check_frozen(classifier, before)


def test_trainable_parameters_are_those_of_any_phase() -> None:
    classifier = build_classifier("resnet18", 14, seed=0)
    plans = [strategies.plan(classifier, phase(thaw)) for thaw in ("head", {"last": 1})]
    assert strategies.trainable_parameters(plans[:1], classifier) == 512 * 14 + 14
    assert strategies.trainable_parameters(plans, classifier) == 512 * 14 + 14 + 8_393_728
