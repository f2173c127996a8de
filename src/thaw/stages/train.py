"""train: one cell, a model x strategy x seed.

Reads     the parameters train and strategies.<strategy>; the prepared data, models/pretrained/<model>.safetensors.
Writes    models/<model>/<strategy>/<seed>/ (weights.safetensors, model.json: the best epoch by validation AUROC),
          reports/train/<model>/<strategy>/<seed>/ (dvclive's curves, history.csv, cost.json).
Promises  frozen tensors end bit-identical to how they began; all strategies of a model and seed start from the same
          head and see the same batches; the same machine and parameters give the same weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from thaw.backbones.classifier import build_classifier
from thaw.backbones.stored import load_pretrained
from thaw.cells import Cell
from thaw.command import arguments, run
from thaw.params.read import read_params
from thaw.params.schema import Phase, TrainParams
from thaw.prepared import Prepared, load_prepared
from thaw.training.device import choose_device, keep_freed_memory, make_deterministic
from thaw.training.engine import Trainer
from thaw.training.record import Recorder
from thaw.training.saved import save_model

PRETRAINED = Path("models/pretrained")


def make_trainer(cell: Cell, data: Prepared, settings: TrainParams) -> Trainer:
    """The trainer of a cell: its backbone from the pretrained weights, its head from the seed."""
    device = choose_device(settings.device)
    pretrained = load_pretrained(PRETRAINED / f"{cell.model}.safetensors")
    classifier = build_classifier(cell.model, len(data.classes), cell.seed, pretrained)
    return Trainer(
        classifier, data.examples("train"), data.examples("val"), data.task, settings, cell.seed, device
    )  # fmt: skip


def describe(cell: Cell, data: Prepared, phases: list[Phase], trainer: Trainer) -> dict[str, Any]:
    """What another program must know to use the trained model."""
    return {
        "model": cell.model,
        "strategy": cell.strategy,
        "seed": cell.seed,
        "phases": [phase.model_dump(by_alias=True) for phase in phases],
        "classes": data.classes,
        "task": data.task,
        "input": {"size": list(data.pixels.shape[1:]), "values": "gray, 0 to 1"},
        "dataset": data.title,
        "synthetic": data.synthetic,
        "precision": trainer.precision,
        "best_epoch": trainer.best.epoch,
    }


def main() -> None:
    """Train the cell named on the command line."""
    given = arguments(__doc__, "model", "strategy", "seed")
    cell = Cell(given.model, given.strategy, int(given.seed))
    params = read_params("train", f"strategies.{cell.strategy}")
    make_deterministic()
    keep_freed_memory()
    data, phases = load_prepared(), params.strategies[cell.strategy]
    trainer = make_trainer(cell, data, params.train)
    with Recorder(cell.train_folder, trainer.device) as recorder:
        plans = trainer.fit(phases, recorder.epoch)
        recorder.finish(trainer, plans)
    save_model(cell.model_folder, trainer.classifier, describe(cell, data, phases, trainer))


if __name__ == "__main__":
    run(main)
