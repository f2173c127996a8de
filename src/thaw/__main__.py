"""python -m thaw strategies: what each strategy of params.yaml would train, block by block, without training."""

from __future__ import annotations

import argparse

import pandas as pd
import torch

from thaw import strategies
from thaw.backbones.catalog import ARCHITECTURES
from thaw.backbones.classifier import Classifier, build_classifier
from thaw.command import run
from thaw.errors import UserError, did_you_mean
from thaw.params.read import read_params
from thaw.params.schema import Phase


def phase_table(classifier: Classifier, phase: Phase) -> pd.DataFrame:
    """One row a block: parameters, how many are trained, at what learning rate, and how its BatchNorm behaves."""
    plan = strategies.plan(classifier, phase)
    sizes = dict.fromkeys(classifier.block_names, 0)
    norms = dict.fromkeys(classifier.block_names, False)
    for name, module in classifier.network.named_modules():
        block = classifier.block_of(name)
        sizes[block] += sum(parameter.numel() for parameter in module.parameters(recurse=False))
        norms[block] |= isinstance(module, torch.nn.BatchNorm2d)
    rows = [
        {
            "block": block,
            "parameters": f"{sizes[block]:,}",
            "trainable": f"{sizes[block] if rate else 0:,}",
            "learning rate": f"{rate:g}" if rate else "frozen",
            "BatchNorm": ("updates" if rate else "keeps its statistics") if norms[block] else "none",
        }
        for block, rate in plan.blocks.items()
    ]
    return pd.DataFrame(rows)


def describe(model: str, classifier: Classifier, name: str, phases: list[Phase]) -> str:
    """A heading and a table for each phase of a strategy."""
    parts = []
    for number, phase in enumerate(phases, start=1):
        table = phase_table(classifier, phase).to_markdown(index=False, disable_numparse=True)
        parts.append(f"{model}, {name}, phase {number} of {len(phases)}, {phase.epochs} epochs\n{table}\n")
    return "\n".join(parts)


def known_model(name: str) -> str:
    """The name itself, if the catalogue has it; else a UserError."""
    if name not in ARCHITECTURES:
        raise UserError(f"--model {name}: use one of {', '.join(ARCHITECTURES)}{did_you_mean(name, ARCHITECTURES)}")
    return name


def main() -> None:
    """Print the tables of one strategy or of all, for one model or for those of params.yaml."""
    parser = argparse.ArgumentParser(prog="python -m thaw", description=__doc__)
    command = parser.add_subparsers(dest="command", required=True).add_parser("strategies", help=__doc__)
    command.add_argument("names", nargs="*", help="strategies to show; all of params.yaml if none is named")
    command.add_argument("--model", help="a backbone; those of params.yaml if none is named")
    given = parser.parse_args()
    params = read_params("models", "strategies")
    named = (
        read_params(*(f"strategies.{name}" for name in given.names)).strategies if given.names else params.strategies
    )
    for model in [known_model(given.model)] if given.model else params.models:
        # the head of NIH's 14 findings; no other block depends on the number of classes
        classifier = build_classifier(model, classes=14, seed=0)
        for name, phases in named.items():
            print(describe(model, classifier, name, phases))


if __name__ == "__main__":
    run(main)
