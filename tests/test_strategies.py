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
from thaw.training.batches import Examples
from thaw.training.engine import Trainer

from .training.made import CPU, phase, settings, state_of

BLOCKS = ("stem", "layer1", "layer2", "layer3", "layer4", HEAD)
FAMILIES = list(ARCHITECTURES)


def thawed(names: Any, thaw: Any) -> list[str]:
    (rule,) = strategies.rules_by_epoch(phase(thaw))[0]
    return strategies.thawed_blocks(names, rule)


@pytest.mark.parametrize(
    ("thaw", "first"),
    [("head", HEAD), ("norm", HEAD), ("bias", HEAD), ({"last": 0}, HEAD), ("all", "stem"), ({"last": 1}, "layer4"),
     ({"last": 5}, "stem"), ({"from": "layer2"}, "layer2")],
)  # fmt: skip
def test_a_rule_thaws_everything_from_a_block_on(thaw: Any, first: str) -> None:
    assert thawed(BLOCKS, thaw) == list(BLOCKS[BLOCKS.index(first) :])


@given(some.lists(some.text("abc", min_size=1), min_size=1, max_size=8, unique=True))
def test_thawing_more_blocks_never_thaws_less(names: list[str]) -> None:
    blocks = (*names, HEAD)
    sets = [set(thawed(blocks, {"last": count})) for count in range(len(blocks))]
    assert all(smaller < larger for smaller, larger in pairwise(sets))
    assert sets[0] == {HEAD}
    assert sets[-1] == set(thawed(blocks, "all"))


def test_an_unknown_block_lists_the_blocks() -> None:
    with pytest.raises(UserError, match=r"layr2.*stem, layer1.*did you mean 'layer2'"):
        thawed(BLOCKS, {"from": "layr2"})


def test_more_blocks_than_there_are_is_told() -> None:
    with pytest.raises(UserError, match=r"last: 6.*5 blocks"):
        thawed(BLOCKS, {"last": 6})


def settled(model: str) -> Classifier:
    """A random network whose BatchNorm statistics fit it, so that signals and gradients reach every block."""
    classifier = build_classifier(model, 2, seed=0, size_px=32)
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


# VGG's 138 million weights take half a minute; with BatchNorm it has all that it has without
EVERY = [
    pytest.param(name, marks=[pytest.mark.pipeline] if "vgg" in name else []) for name in FAMILIES if name != "vgg16"
]


def trained_once(
    model: str, thaw: Any, **more: Any
) -> tuple[Classifier, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """A network before and after two epochs of the true engine."""
    classifier = settled(model)
    before, last = state_of(classifier), {}
    made = settings({"class_weights": False}, batch_size=4, weight_decay=0.1, schedule="constant")
    trainer = Trainer(classifier, examples(8, 0), examples(4, 1), "multiclass", made, seed=0, device=CPU,
                      precision="fp32")  # fmt: skip
    # the last epoch's state, whichever was best: the best one may be the first
    trainer.fit([phase(thaw, epochs=2, lr=0.01, **more)], lambda _: last.update(state_of(classifier)))
    return classifier, before, last


@pytest.mark.parametrize("model", ["resnet18", "densenet121", "efficientnet_lite0", "mobilenet_v2"])
@pytest.mark.parametrize("thaw", ["head", {"last": 1}, "all"], ids=["frozen", "partial", "full"])
def test_frozen_tensors_stay_bit_identical_and_thawed_ones_move(model: str, thaw: Any) -> None:
    """Parameters, BatchNorm statistics and counters, one by one."""
    classifier, before, after = trained_once(model, thaw)
    blocks = thawed(classifier.block_names, thaw)
    for name, tensor in before.items():
        moved = not torch.equal(tensor, after[name])
        assert moved == (classifier.block_of(name) in blocks), name


@pytest.mark.parametrize("model", EVERY)
def test_every_backbone_keeps_what_is_frozen_and_moves_what_is_thawed(model: str) -> None:
    classifier, before, after = trained_once(model, {"last": 2})
    blocks = thawed(classifier.block_names, {"last": 2})
    parameters = dict(classifier.network.named_parameters())
    for name, tensor in before.items():
        # in training mode statistics move; other buffers, such as tables of positions, are constants
        may_move = name in parameters or "running" in name or "num_batches" in name
        moved = not torch.equal(tensor, after[name])
        assert moved == (may_move and classifier.block_of(name) in blocks), name


def test_norm_trains_normalisation_and_the_head_alone() -> None:
    _, before, after = trained_once("resnet18", "norm")
    moved = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    expected = {name for name in before if ".bn" in name or name.startswith(("bn1", "fc.")) or "downsample.1" in name}
    assert moved == expected


def test_bias_trains_biases_and_the_head_and_keeps_statistics() -> None:
    _, before, after = trained_once("resnet18", "bias")
    moved = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    assert moved == {name for name in before if name.endswith(".bias")} | {"fc.weight"}


def test_rules_combine() -> None:
    _, before, after = trained_once("resnet18", [{"last": 1}, "bias"])
    moved = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    expected = {name for name in before if name.startswith(("layer4.", "fc.")) or name.endswith(".bias")}
    assert moved == expected


def test_a_range_thaws_step_by_step() -> None:
    rules = strategies.rules_by_epoch(phase({"last": "1..3"}, epochs=7))
    assert [rule[0].last for rule in rules] == [1, 1, 1, 2, 2, 3, 3]  # type: ignore[union-attr]
    down = strategies.rules_by_epoch(phase({"last": "2..0"}, epochs=3))
    assert [rule[0].last for rule in down] == [2, 1, 0]  # type: ignore[union-attr]


def test_what_a_range_freezes_again_no_longer_moves() -> None:
    """Progressive freezing with AdamW: neither momentum nor weight decay moves what is frozen later."""
    classifier, seen = settled("resnet18"), []
    made = settings({"class_weights": False}, batch_size=4, weight_decay=0.5)
    trainer = Trainer(classifier, examples(8, 0), examples(4, 1), "multiclass", made, seed=0, device=CPU,
                      precision="fp32")  # fmt: skip
    trainer.fit([phase({"last": "2..0"}, epochs=3, lr=0.01)], lambda _: seen.append(state_of(classifier)))
    for block, still in (("layer3", 0), ("layer4", 1), (HEAD, 2)):
        names = [name for name in seen[0] if classifier.block_of(name) == block]
        changes = [any(not torch.equal(one[name], two[name]) for name in names) for one, two in pairwise(seen)]
        assert changes == [place < still for place in range(2)], block


def test_rates_fall_with_the_distance_from_the_head() -> None:
    rates = strategies.block_rates(BLOCKS, phase("all", lr=1.0, backbone_lr=0.5, layer_decay=0.1))
    assert rates == pytest.approx(
        {"stem": 5e-6, "layer1": 5e-5, "layer2": 5e-4, "layer3": 5e-3, "layer4": 5e-2, HEAD: 1.0}
    )


def test_frozen_blocks_are_in_evaluation_mode_while_training() -> None:
    classifier = build_classifier("efficientnet_b0", 2, seed=0)
    (plan,) = strategies.plans(classifier, phase({"last": 2}))
    strategies.set_evaluation(classifier)
    strategies.set_training(classifier, plan)
    training = {classifier.block_of(name) for name, module in classifier.network.named_modules() if module.training}
    assert training == {"stage7", "final", HEAD}


def test_a_frozen_backbone_gives_the_same_features_twice_despite_dropout() -> None:
    classifier = build_classifier("efficientnet_b0", 2, seed=0)
    strategies.set_training(classifier, strategies.plans(classifier, phase("head"))[0])
    images = torch.rand(2, 1, 64, 64)
    features = [classifier.network.get_submodule("features")(images.expand(-1, 3, -1, -1)) for _ in range(2)]
    assert torch.equal(*features)


def test_a_plan_names_every_parameter_buffer_and_module() -> None:
    classifier = build_classifier("densenet121", 2, seed=0)
    (plan,) = strategies.plans(classifier, phase({"last": 1}))
    assert plan.parameters.keys() == dict(classifier.network.named_parameters()).keys()
    assert plan.buffers.keys() == dict(classifier.network.named_buffers()).keys()
    assert plan.modules.keys() == dict(classifier.network.named_modules()).keys()


def test_the_optimizer_holds_thawed_parameters_only_at_their_rates() -> None:
    classifier = build_classifier("resnet18", 2, seed=0)
    (plan,) = strategies.plans(classifier, phase({"last": 1}, lr=0.1, backbone_lr=0.5))
    strategies.apply(classifier, plan)
    groups = strategies.optimizer_groups(classifier, [plan], weight_decay=0.3)
    rates = {(group["name"], group["lr"]) for group in groups}
    assert rates == {("layer4", 0.05), (HEAD, 0.1)}
    held = {id(parameter) for group in groups for parameter in group["params"]}
    wanted = {id(p) for n, p in classifier.network.named_parameters() if classifier.block_of(n) in ("layer4", HEAD)}
    assert held == wanted == {id(p) for p in classifier.parameters() if p.requires_grad}
    for group in groups:
        assert {p.ndim > 1 for p in group["params"]} == {group["weight_decay"] > 0}


def test_tokens_and_position_embeddings_do_not_decay() -> None:
    classifier = build_classifier("vit_b_16", 2, seed=0)
    groups = strategies.optimizer_groups(classifier, strategies.plans(classifier, phase("all")), weight_decay=0.3)
    names = {id(parameter): name for name, parameter in classifier.network.named_parameters()}
    decayed = {names[id(p)] for group in groups if group["weight_decay"] for p in group["params"]}
    assert {name.rpartition(".")[2] for name in decayed} == {"weight", "in_proj_weight"}
    assert not any("ln" in name or "token" in name or "pos_embedding" in name for name in decayed)


def test_the_proof_finds_a_frozen_tensor_that_moved() -> None:
    classifier = build_classifier("resnet18", 2, seed=0)
    before = strategies.frozen_tensors(classifier, *strategies.plans(classifier, phase("head")))
    strategies.check_frozen(classifier, before)
    with torch.no_grad():
        classifier.network.get_buffer("layer4.1.bn2.running_mean")[0] += 1e-7
    with pytest.raises(RuntimeError, match=r"layer4\.1\.bn2\.running_mean"):
        strategies.check_frozen(classifier, before)


def test_trainable_parameters_are_those_of_any_phase() -> None:
    classifier = build_classifier("resnet18", 14, seed=0)
    plans = [*strategies.plans(classifier, phase("head")), *strategies.plans(classifier, phase({"last": 1}))]
    assert strategies.trainable_parameters(plans[:1], classifier) == 512 * 14 + 14
    assert strategies.trainable_parameters(plans, classifier) == 512 * 14 + 14 + 8_393_728
