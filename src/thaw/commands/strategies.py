"""python -m thaw strategies: what each strategy of params.yaml would train, block by block, without training."""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from collections.abc import Sequence

import pandas as pd
import torch

from thaw import strategies
from thaw.backbones.catalog import ARCHITECTURES, TIMM
from thaw.backbones.classifier import Classifier, build_classifier
from thaw.errors import UserError, did_you_mean
from thaw.params.read import read_params
from thaw.params.strategy import Phase
from thaw.strategies import Plan


def plan_table(classifier: Classifier, plan: Plan, adapt_norm: bool = False) -> pd.DataFrame:
    """One row a block: parameters, how many are trained, at what learning rate, and how its BatchNorm behaves."""
    network, block_of = classifier.network, classifier.block_of
    sizes, trained = Counter[str](), Counter[str]()
    for name, parameter in network.named_parameters():
        sizes[block_of(name)] += parameter.numel()
        trained[block_of(name)] += parameter.numel() if plan.parameters[name] is not None else 0
    norms = {name for name, module in network.named_modules() if isinstance(module, torch.nn.BatchNorm2d)}
    has_norm = {block_of(name) for name in norms}
    updates = {block_of(name) for name in norms if plan.modules[name]}
    kept = "estimated anew, then kept" if adapt_norm else "keeps its statistics"
    rows = [
        {
            "block": block,
            "parameters": f"{sizes[block]:,}",
            "trainable": f"{trained[block]:,}",
            "learning rate": f"{rate:g}" if rate else "frozen",
            "BatchNorm": "updates" if block in updates else kept if block in has_norm else "none",
        }
        for block, rate in plan.blocks.items()
    ]
    return pd.DataFrame(rows)


def describe(model: str, classifier: Classifier, name: str, phases: list[Phase]) -> str:
    """A heading and a table for each phase of a strategy, or for each step of one that thaws step by step."""
    parts, first = [], 1
    for number, phase in enumerate(phases, start=1):
        plans = strategies.plans(classifier, phase)
        for plan, epochs in ((plan, len(list(same))) for plan, same in itertools.groupby(plans)):
            place = f"phase {number} of {len(phases)}, epochs {first} to {first + epochs - 1}"
            table = plan_table(classifier, plan, phase.adapt_norm).to_markdown(index=False, disable_numparse=True)
            parts.append(f"{model}, {name}, {place}\n{table}\n")
            first += epochs
    return "\n".join(parts)


def known_model(name: str) -> str:
    """The name itself, if it is one of the catalogue or timm's; else a UserError."""
    if name not in ARCHITECTURES and not TIMM.fullmatch(name):
        raise UserError(f"--model {name}: use one of {', '.join(ARCHITECTURES)}{did_you_mean(name, ARCHITECTURES)}")
    return name


def main(arguments: Sequence[str]) -> None:
    """Print the tables of one strategy or of all, for one model or for those of params.yaml."""
    parser = argparse.ArgumentParser(prog="python -m thaw strategies", description=__doc__)
    parser.add_argument("names", nargs="*", help="strategies to show; all of params.yaml if none is named")
    parser.add_argument("--model", help="a backbone; those of params.yaml if none is named")
    given = parser.parse_args(arguments)
    params = read_params("models", "strategies")
    named = (
        read_params(*(f"strategies.{name}" for name in given.names)).strategies if given.names else params.strategies
    )
    for model in [known_model(given.model)] if given.model else params.models:
        # the head of NIH's 14 findings; no other block depends on the number of classes
        classifier = build_classifier(model, classes=14, seed=0)
        for name, phases in named.items():
            print(describe(model, classifier, name, phases))
