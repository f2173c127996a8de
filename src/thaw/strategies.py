"""From a phase of a strategy to what is trained: a plan, its application, and the proof that it was kept.

Nothing else in thaw sets ``requires_grad`` or the training mode of a module. Frozen means frozen: no gradient, no
optimizer state, no weight decay, BatchNorm on its stored statistics, dropout and stochastic depth off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from thaw.backbones.classifier import HEAD, Classifier
from thaw.errors import UserError, did_you_mean
from thaw.params.schema import From, Last, Phase


@dataclass(frozen=True)
class Plan:
    """What a phase trains, every tensor and module named.

    Attributes:
        blocks: learning rate by block, None where it is frozen.
        parameters: learning rate by parameter, None where it is frozen.
        buffers: by buffer, whether training may change it.
        modules: training mode by module while the phase trains.
    """

    blocks: Mapping[str, float | None]
    parameters: Mapping[str, float | None]
    buffers: Mapping[str, bool]
    modules: Mapping[str, bool]


def thawed_blocks(block_names: Sequence[str], phase: Phase) -> list[str]:
    """The blocks that a phase thaws, in order; the head is always one of them.

    Args:
        block_names: the network's blocks in the order in which an image passes them, the head last.
        phase: what to thaw.

    Raises:
        UserError: the phase names a block that the network has not, or more blocks than it has.
    """
    backbone = list(block_names[:-1])
    match phase.thaw:
        case "head":
            first = len(backbone)
        case "all":
            first = 0
        case Last(last=count):
            if count > len(backbone):
                raise UserError(
                    f"thaw: {{last: {count}}}: this network has {len(backbone)} blocks: {', '.join(backbone)}"
                )
            first = len(backbone) - count
        case From(block=name):
            if name not in backbone:
                known = f"{', '.join(backbone)}{did_you_mean(name, backbone)}"
                raise UserError(f"thaw: {{from: {name}}}: this network's blocks are {known}")
            first = backbone.index(name)
    return list(block_names[first:])


def plan(classifier: Classifier, phase: Phase) -> Plan:
    """Decide for every parameter, buffer and module of ``classifier`` whether and how fast ``phase`` trains it."""
    thawed = thawed_blocks(classifier.block_names, phase)
    rates = {name: phase.lr * (1.0 if name == HEAD else phase.backbone_lr) for name in thawed}
    network, block_of = classifier.network, classifier.block_of
    return Plan(
        blocks={name: rates.get(name) for name in classifier.block_names},
        parameters={name: rates.get(block_of(name)) for name, _ in network.named_parameters()},
        buffers={name: block_of(name) in rates for name, _ in network.named_buffers()},
        modules={name: block_of(name) in rates for name, _ in network.named_modules()},
    )


def apply(classifier: Classifier, plan: Plan) -> None:
    """Give gradients to the thawed parameters only."""
    for name, parameter in classifier.network.named_parameters():
        parameter.requires_grad_(plan.parameters[name] is not None)
        parameter.grad = None


def set_training(classifier: Classifier, plan: Plan) -> None:
    """Put thawed modules into training mode and frozen ones into evaluation mode."""
    for name, module in classifier.network.named_modules():
        # the flag itself: Module.train() would switch the children too
        module.training = plan.modules[name]


def set_evaluation(classifier: Classifier) -> None:
    """Put every module into evaluation mode."""
    classifier.eval()


def optimizer_groups(classifier: Classifier, plan: Plan, weight_decay: float) -> list[dict[str, Any]]:
    """The thawed parameters as optimizer groups, by block and by whether weight decay applies.

    Decay leaves out biases and normalisation (tensors of one dimension), as is usual since Goyal et al. 2017
    (arXiv:1706.02677, section 5.3).
    """
    groups: dict[tuple[str, bool], dict[str, Any]] = {}
    for name, parameter in classifier.network.named_parameters():
        rate = plan.parameters[name]
        if rate is None:
            continue
        block, decays = classifier.block_of(name), parameter.ndim > 1
        group = groups.setdefault(
            (block, decays), {"params": [], "lr": rate, "weight_decay": weight_decay if decays else 0.0, "name": block}
        )
        group["params"].append(parameter)
    return list(groups.values())


def frozen_tensors(classifier: Classifier, plan: Plan) -> dict[str, Tensor]:
    """Copies of every parameter and buffer that the plan freezes."""
    network = classifier.network
    parameters = {name: tensor for name, tensor in network.named_parameters() if plan.parameters[name] is None}
    buffers = {name: tensor for name, tensor in network.named_buffers() if not plan.buffers[name]}
    return {name: tensor.detach().clone() for name, tensor in {**parameters, **buffers}.items()}


def check_frozen(classifier: Classifier, before: Mapping[str, Tensor]) -> None:
    """Prove that the tensors of ``frozen_tensors`` are bit-identical now.

    Raises:
        RuntimeError: one of them moved; that is a defect of thaw.
    """
    now = {**dict(classifier.network.named_parameters()), **dict(classifier.network.named_buffers())}
    moved = [name for name, tensor in before.items() if not torch.equal(tensor, now[name])]
    if moved:
        raise RuntimeError(f"{len(moved)} frozen tensors changed during training, first {moved[0]}")


def trainable_parameters(plans: Sequence[Plan], classifier: Classifier) -> int:
    """How many parameters at least one of the plans trains."""
    return sum(
        parameter.numel()
        for name, parameter in classifier.network.named_parameters()
        if any(plan.parameters[name] is not None for plan in plans)
    )
