"""What a training leaves behind beside the model: curves through dvclive, a table of epochs, and what it cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import pandas as pd
import torch
from dvclive.live import Live

from thaw import strategies
from thaw.files import write_csv, write_json
from thaw.strategies import Plan
from thaw.training.device import device_name, peak_memory_gib
from thaw.training.engine import Epoch, Trainer

DIGITS = 6


class Recorder:
    """Writes a cell's folder in reports/train; a context that also measures the seconds it was open."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder, self.device = folder, device
        self.history: list[dict[str, Any]] = []
        # thaw's own dvc.yaml names these files; dvclive must not edit it, nor save experiments of its own
        self.live = Live(str(folder), dvcyaml=False, save_dvc_exp=False)

    def __enter__(self) -> Recorder:
        self.started = time.perf_counter()
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

    def finish(self, trainer: Trainer, plans: Sequence[Plan]) -> None:
        """Write history.csv and cost.json."""
        seconds = time.perf_counter() - self.started
        write_csv(self.folder / "history.csv", pd.DataFrame(self.history).round(DIGITS))
        network = trainer.classifier.network
        cost = {
            "seconds": round(seconds, 2),
            "images_per_second": round(trainer.epochs * len(trainer.train) / seconds, 1),
            "memory_gib": round(peak_memory_gib(self.device), 3),
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "trainable": strategies.trainable_parameters(plans, trainer.classifier),
            "device": device_name(self.device),
            "precision": trainer.precision,
            "best_epoch": trainer.best.epoch,
            "epochs": trainer.epochs,
            "blocks": [{"phase": number, "blocks": dict(plan.blocks)} for number, plan in enumerate(plans, start=1)],
        }
        write_json(self.folder / "cost.json", cost)
