"""What a training leaves behind beside the model: curves through dvclive, a table of epochs, and what it cost."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import pandas as pd
import torch
from dvclive.live import Live

from thaw import strategies
from thaw.backbones.classifier import Classifier
from thaw.files import write_csv, write_json
from thaw.strategies import Plan
from thaw.training.device import device_name, peak_memory_gib
from thaw.training.energy import EnergyMeter
from thaw.training.engine import Trainer
from thaw.training.state import Epoch

DIGITS = 6


class Recorder:
    """Writes a cell's folder in reports/train; a context that closes dvclive's files."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder, self.device = folder, device
        self.energy = EnergyMeter(device)
        self.history: list[dict[str, Any]] = []
        # thaw's own dvc.yaml names these files; dvclive must not edit it, nor save experiments of its own
        self.live = Live(str(folder), dvcyaml=False, save_dvc_exp=False)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.live.end()

    def epoch(self, epoch: Epoch) -> None:
        """Log one epoch: a curve for each figure, and two rows (train, val) of the table."""
        memory = peak_memory_gib(self.device)
        shared = {"learning_rate": epoch.learning_rate, "images_per_second": epoch.images_per_second}
        for name, value in {**shared, "peak_memory_gib": memory}.items():
            self.live.log_metric(name, value)
        for split, curve in (("train", epoch.train), ("val", epoch.val)):
            figures = asdict(curve)
            place = {"epoch": epoch.number, "phase": epoch.phase, "split": split}
            self.history.append({**place, **figures, **shared, "peak_memory_gib": memory})
            for name, value in figures.items():
                if value is not None:
                    self.live.log_metric(f"{split}/{name}", value)
        self.live.next_step()

    def finish(self, trainer: Trainer, plans: Sequence[Sequence[Plan]]) -> None:
        """Write history.csv and cost.json; seconds are those of all epochs, also of a run that was interrupted."""
        state, network = trainer.state, trainer.classifier.network
        write_csv(self.folder / "history.csv", pd.DataFrame(self.history).round(DIGITS))
        cost = {
            **times(state.history),
            "saved_seconds": round(sum(epoch.saved_seconds for epoch in state.history), 2),
            "memory_gib": round(peak_memory_gib(self.device), 3),
            "energy_joules": self.energy.joules(),
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "trainable": strategies.trainable_parameters(itertools.chain(*plans), trainer.classifier),
            "device": device_name(self.device),
            "precision": trainer.precision,
            "best_epoch": state.best,
            "epochs": len(state.history),
            "images_at_once": state.part_images,
            "phases": [
                {
                    "phase": number,
                    "epochs": len(phase),
                    **times(state.of_phase(number)),
                    "blocks": trained_blocks(trainer.classifier, phase),
                }
                for number, phase in enumerate(plans, start=1)
            ],
        }
        write_json(self.folder / "cost.json", cost)


def times(epochs: Sequence[Epoch]) -> dict[str, Any]:
    """Seconds of epochs in all, and images/s of their training alone."""
    images, training = sum(epoch.images for epoch in epochs), sum(epoch.train_seconds for epoch in epochs)
    return {
        "seconds": round(sum(epoch.seconds for epoch in epochs), 2),
        "images_per_second": round(images / training, 1) if training else None,
    }


def trained_blocks(classifier: Classifier, plans: Sequence[Plan]) -> list[dict[str, Any]]:
    """Every block: its parameters, how many a phase trains, at what rate, and the first and last epoch that does."""
    rates, rows = fastest(plans), dict[str, dict[str, Any]]()
    for block in classifier.block_names:
        epochs = [number for number, plan in enumerate(plans, start=1) if plan.blocks[block] is not None]
        rows[block] = {
            "block": block, "parameters": 0, "trainable": 0, "learning_rate": rates[block],
            "epochs": [epochs[0], epochs[-1]] if epochs else None,
        }  # fmt: skip
    trained = {name for plan in plans for name, rate in plan.parameters.items() if rate is not None}
    for name, parameter in classifier.network.named_parameters():
        row = rows[classifier.block_of(name)]
        row["parameters"] += parameter.numel()
        row["trainable"] += parameter.numel() * (name in trained)
    return list(rows.values())


def fastest(plans: Sequence[Plan]) -> Mapping[str, float | None]:
    """The learning rate of each block in the epochs of a phase that train it; None where none does."""
    rates = dict(plans[0].blocks)
    for plan in plans:
        rates.update({block: rate for block, rate in plan.blocks.items() if rate is not None})
    return rates
