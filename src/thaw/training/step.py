"""One optimizer step: a batch through the network, whole or in parts that fit the memory."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from thaw import strategies
from thaw.backbones.classifier import Classifier
from thaw.params.schema import TrainParams
from thaw.strategies import Plan
from thaw.training.batches import cut
from thaw.training.device import Precision
from thaw.training.distributed import ALONE, Group
from thaw.training.forward import Forward
from thaw.training.losses import Loss

MOMENTUM = 0.9


class Stepper:
    """The optimizer of a phase, and how a batch becomes one step of it.

    Attributes:
        optimizer: over every parameter that the phase ever thaws.
        scaler: keeps small gradients of fp16 from vanishing (Micikevicius et al. 2018, arXiv:1710.03740, section 3.2).
        rates: learning rate of each group where the schedule's factor is 1.
    """

    def __init__(
        self, classifier: Classifier, plans: Iterable[Plan], settings: TrainParams, loss: Loss, device: torch.device,
        precision: Precision, group: Group = ALONE,
    ) -> None:  # fmt: skip
        self.settings, self.loss, self.group = settings, loss, group
        groups = strategies.optimizer_groups(classifier, plans, settings.weight_decay)
        self.optimizer = make_optimizer(settings.optimizer, groups)
        self.rates = [float(group["lr"]) for group in groups]
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
        # compiled anew for every phase: what is thawed is part of the compiled step
        self.network: nn.Module = torch.compile(classifier) if settings.compile is True else classifier  # type: ignore[assignment]

    def set_rates(self, factor: float) -> None:
        """Give every group its rate times ``factor``."""
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor

    def step(
        self, forward: Forward, targets: Tensor, positions: Tensor, places: Tensor, part_images: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Train on one batch; returns this process's logits (b, classes), their places (b,) and its part of the loss.

        In parts, and in several processes, the gradients add up to the whole batch's, each part weighing as much as it
        counts in the loss; only BatchNorm, where it is thawed, then sees the parts one by one.

        Args:
            forward: gives the logits.
            targets: (B, classes) labels, on the device of the logits.
            positions: (B,) which images of the split.
            places: (B,) where in the epoch they stand.
            part_images: images that go through the network at once, in all processes together.
        """
        parts = list(zip(*(cut(tensor, part_images) for tensor in (positions, places, targets)), strict=True))
        whole = self.loss.weight(targets).clamp(min=torch.finfo(torch.float32).tiny)
        self.optimizer.zero_grad(set_to_none=True)
        logits, own_places, losses = [], [], []
        for some, their_places, target in parts:
            share = self.group.share(len(some))
            outcome = forward(some[share.seen], their_places[share.seen])
            loss = self.loss(outcome, target[share.seen])
            if len(parts) > 1 or self.group.size > 1:
                loss = loss * (self.loss.weight(target[share.seen]) / whole * share.times)
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            logits.append(outcome.detach().float()[share.own])
            own_places.append(their_places[share.seen][share.own])
            losses.append(loss.detach() / self.group.size)
        self._update()
        return torch.cat(logits), torch.cat(own_places), torch.stack(losses).sum()

    def _update(self) -> None:
        if self.settings.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            thawed = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
            # Pascanu et al. 2013 (arXiv:1211.5063), algorithm 1
            nn.utils.clip_grad_norm_(thawed, self.settings.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def state(self) -> dict[str, Any]:
        """A copy of the optimizer's and the scaler's state."""
        return copy.deepcopy({"optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict()})

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what ``state`` gave."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])


def make_optimizer(name: str, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019), Adam (Kingma & Ba 2015), or SGD with momentum 0.9; else torch's defaults.

    Fused: one kernel for all of a parameter's arithmetic, a third of AdamW's time on a CPU.
    """
    match name:
        case "adamw":
            return torch.optim.AdamW(groups, fused=True)
        case "adam":
            return torch.optim.Adam(groups, fused=True)
        case _:
            return torch.optim.SGD(groups, lr=1.0, momentum=MOMENTUM, fused=True)
