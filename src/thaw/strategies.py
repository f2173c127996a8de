"""From a phase of a strategy to what is trained: a plan for each epoch, its application, the proof that it was kept.

Nothing else in thaw sets ``requires_grad`` or the training mode of a module. Frozen means frozen: no gradient, no
optimizer state, no weight decay, BatchNorm on its stored statistics, dropout and stochastic depth off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from thaw.backbones.classifier import HEAD, Classifier
from thaw.errors import UserError, did_you_mean
from thaw.params.strategy import From, Last, LastRange, Phase, ThawPart

NORMALISATION = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


@dataclass(frozen=True)
class Plan:
    """What an epoch trains, every tensor and module named.

    Attributes:
        blocks: learning rate by block, None where no tensor of it is trained.
        parameters: learning rate by parameter, None where it is frozen.
        buffers: by buffer, whether training may change it.
        modules: training mode by module while the epoch trains.
    """

    blocks: Mapping[str, float | None]
    parameters: Mapping[str, float | None]
    buffers: Mapping[str, bool]
    modules: Mapping[str, bool]

    def description(self) -> dict[str, Any]:
        """What is thawed as plain data: it belongs to a checkpoint, and two plans are one where it is equal."""
        rates = {name: rate for name, rate in self.parameters.items() if rate is not None}
        buffers = [name for name, moves in self.buffers.items() if moves]
        return {"rates": rates, "buffers": buffers, "training": [name for name, mode in self.modules.items() if mode]}


def thawed_blocks(block_names: Sequence[str], rule: ThawPart) -> list[str]:
    """The blocks that a rule thaws as wholes, in order; the head is always one of them.

    Args:
        block_names: the network's blocks in the order in which an image passes them, the head last.
        rule: what to thaw; ``norm`` and ``bias`` thaw parts of blocks, so that only the head is whole.

    Raises:
        UserError: the rule names a block that the network has not, or more blocks than it has.
    """
    backbone = list(block_names[:-1])
    match rule:
        case "head" | "norm" | "bias":
            first = len(backbone)
        case "all":
            first = 0
        case Last(last=count):
            if count > len(backbone):
                raise UserError(f"{{last: {count}}}: this network has {len(backbone)} blocks: {', '.join(backbone)}")
            first = len(backbone) - count
        case From(block=name):
            if name not in backbone:
                known = f"{', '.join(backbone)}{did_you_mean(name, backbone)}"
                raise UserError(f"{{from: {name}}}: this network's blocks are {known}")
            first = backbone.index(name)
    return list(block_names[first:])


def rules_by_epoch(phase: Phase) -> list[tuple[ThawPart, ...]]:
    """What each epoch of a phase thaws; the steps of ``{last: 1..4}`` are spread evenly over the epochs."""
    if not isinstance(phase.thaw, LastRange):
        return [phase.thaw] * phase.epochs
    counts = phase.thaw.counts
    return [(Last(last=counts[epoch * len(counts) // phase.epochs]),) for epoch in range(phase.epochs)]


def plans(classifier: Classifier, phase: Phase) -> list[Plan]:
    """The plan of each epoch of ``phase``; epochs that train the same share one.

    Raises:
        UserError: see ``thawed_blocks``.
    """
    made: dict[tuple[ThawPart, ...], Plan] = {}
    for rules in rules_by_epoch(phase):
        if rules not in made:
            made[rules] = plan(classifier, phase, rules)
    return [made[rules] for rules in rules_by_epoch(phase)]


def plan(classifier: Classifier, phase: Phase, rules: Sequence[ThawPart]) -> Plan:
    """Decide for every parameter, buffer and module of ``classifier`` whether and how fast it is trained."""
    whole = {block for rule in rules for block in thawed_blocks(classifier.block_names, rule)}
    rates, block_of = block_rates(classifier.block_names, phase), classifier.block_of
    modules = dict(classifier.network.named_modules())
    norms = {name for name, module in modules.items() if "norm" in rules and isinstance(module, NORMALISATION)}

    def trains(name: str) -> bool:
        owner, _, kind = name.rpartition(".")
        return block_of(name) in whole or owner in norms or ("bias" in rules and kind == "bias")

    parameters = {
        name: rates[block_of(name)] if trains(name) else None for name, _ in classifier.network.named_parameters()
    }
    touched = {block_of(name) for name, rate in parameters.items() if rate is not None}
    modes = {name: block_of(name) in whole or name in norms for name in modules}
    return Plan(
        blocks={name: rates[name] if name in touched else None for name in classifier.block_names},
        parameters=parameters,
        buffers={name: modes[name.rpartition(".")[0]] for name, _ in classifier.network.named_buffers()},
        modules=modes,
    )


def block_rates(block_names: Sequence[str], phase: Phase) -> dict[str, float]:
    """The learning rate of each block if it is thawed.

    Layer-wise decay: the block k places before the head learns at ``layer_decay`` to the power of k (Howard & Ruder
    2018, "discriminative fine-tuning", section 3.2; with one factor for all layers as in Clark et al. 2020, ELECTRA).
    """
    distance = {name: len(block_names) - 1 - place for place, name in enumerate(block_names)}
    return {
        name: phase.lr * (1.0 if name == HEAD else phase.backbone_lr * phase.layer_decay ** distance[name])
        for name in block_names
    }


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


def optimizer_groups(classifier: Classifier, plans: Iterable[Plan], weight_decay: float) -> list[dict[str, Any]]:
    """All parameters that a phase ever thaws as optimizer groups, by block and by whether weight decay applies.

    What an epoch freezes has no gradient in it, so the optimizer passes it over, decay included. Only weights of layers
    decay: not biases and normalisation (Goyal et al. 2017, arXiv:1706.02677, section 5.3), nor tokens, position
    embeddings and tables of biases (as in the training code of ViT's and Swin's authors).
    """
    rates: dict[str, float] = {}
    for one in plans:
        rates.update({name: rate for name, rate in one.parameters.items() if rate is not None})
    groups: dict[tuple[str, bool], dict[str, Any]] = {}
    for name, parameter in classifier.network.named_parameters():
        if name not in rates:
            continue
        block, decays = classifier.block_of(name), parameter.ndim > 1 and name.endswith("weight")
        empty = {"params": [], "lr": rates[name], "weight_decay": weight_decay if decays else 0.0, "name": block}
        groups.setdefault((block, decays), empty)["params"].append(parameter)
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


def trainable_parameters(plans: Iterable[Plan], classifier: Classifier) -> int:
    """How many parameters at least one of the plans trains."""
    trained = {name for one in plans for name, rate in one.parameters.items() if rate is not None}
    return sum(parameter.numel() for name, parameter in classifier.network.named_parameters() if name in trained)
