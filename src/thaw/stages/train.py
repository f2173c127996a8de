"""train: one cell, a model x strategy x seed, and where they are given a fold or a number of training images.

Reads     the parameters train and strategies.<strategy>; the prepared data, models/pretrained/<model>.safetensors,
          models/probe/<model>.json where train.precision is auto on a CPU.
Writes    models/trained/<cell>/ (weights.safetensors, model.json: the best epoch by validation AUROC),
          reports/train/<cell>/ (dvclive's curves, history.csv, cost.json); data/activations, which any cell may use
          and which may be removed at any time.
Promises  frozen tensors end bit-identical to how they began; all strategies of a model and seed start from the same
          head and see the same batches; the same machine and parameters give the same weights, also where the training
          was killed and run again: it goes on from its last epoch.

Where train.devices or train.nodes is more than 1, torchrun runs this module in so many processes; the first one writes.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

from thaw.backbones.classifier import build_classifier
from thaw.backbones.stored import load_pretrained
from thaw.cells import Cell
from thaw.command import run
from thaw.errors import UserError
from thaw.params.read import read_params
from thaw.params.schema import Params, TrainParams
from thaw.params.strategy import Phase
from thaw.prepared import Prepared, load_prepared
from thaw.training import launch
from thaw.training.checkpoint import FOLDER, Checkpoint, identity_of
from thaw.training.device import choose_device, device_name, keep_freed_memory, make_deterministic
from thaw.training.distributed import ALONE, Group
from thaw.training.engine import Trainer
from thaw.training.epoch import NotFiniteError
from thaw.training.probe import precision_of
from thaw.training.record import Recorder
from thaw.training.saved import save_model
from thaw.training.store import FOLDER as ACTIVATIONS
from thaw.training.store import Store

PRETRAINED, PIXELS = Path("models/pretrained"), Path("data/images.npy")
TABLES = [Path("data/dataset.json"), Path("data/images.csv"), Path("data/labels.csv"), Path("data/split.csv")]


def make_trainer(
    cell: Cell, data: Prepared, phases: list[Phase], settings: TrainParams, group: Group = ALONE
) -> Trainer:
    """The trainer of a cell: its backbone from the pretrained weights or from scratch, its head from the seed."""
    device, stored = group.device(choose_device(settings.device)), PRETRAINED / f"{cell.model}.safetensors"
    precision = precision_of(cell.model, settings.precision, device)
    pretrained = None if phases[0].weights == "none" else load_pretrained(stored)
    classifier = build_classifier(cell.model, len(data.classes), cell.seed, pretrained, data.pixels.shape[1])
    decisive = {
        "cell": str(cell), "phases": [phase.model_dump() for phase in phases], "train": settings.model_dump(),
        "device": device_name(device), "precision": precision,
    }  # fmt: skip
    checkpoint = Checkpoint(FOLDER / cell.path / "state.pt", identity_of(decisive, TABLES, [PIXELS, stored]))
    return Trainer(
        classifier, data.examples("train"), data.examples("val"), data.task, settings, cell.seed, device,
        precision, checkpoint if group.rank == 0 else None, make_store(settings), group,
    )  # fmt: skip


def make_store(settings: TrainParams) -> Store | None:
    """Where activations of frozen blocks are kept for all cells; None where ``train.cache_gib`` is 0."""
    return Store(ACTIVATIONS, settings.cache_gib, identity_of({}, [], [PIXELS])) if settings.cache_gib else None


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
        "best_epoch": trainer.state.best,
    }


def save_best(cell: Cell, data: Prepared, phases: list[Phase], trainer: Trainer) -> None:
    """Write the best epoch so far as the cell's model."""
    trainer.classifier.network.load_state_dict(trainer.state.best_tensors)
    save_model(cell.model_folder, trainer.classifier, describe(cell, data, phases, trainer))


def train(cell: Cell, params: Params, group: Group) -> None:
    """Train a cell, alone or as one process of a group."""
    make_deterministic()
    keep_freed_memory()
    data, phases = load_prepared(cell=cell), params.strategies[cell.strategy]
    trainer = make_trainer(cell, data, phases, params.train, group)
    if group.rank == 0:
        train_and_write(cell, data, phases, trainer)
    else:
        train_along(phases, trainer)


def train_and_write(cell: Cell, data: Prepared, phases: list[Phase], trainer: Trainer) -> None:
    """Train in the process that writes: the only one, or the first one."""
    with Recorder(cell.train_folder, trainer.device) as recorder:
        try:
            plans = trainer.fit(phases, recorder.epoch)
        except NotFiniteError as error:
            if not trainer.state.best:
                raise
            save_best(cell, data, phases, trainer)
            kept = f"the best weights so far, of epoch {trainer.state.best}, are in {cell.model_folder}"
            raise UserError(f"{error}; {kept}") from None
        except KeyboardInterrupt:
            print(f"{cell}: {len(trainer.state.history)} epochs are kept; dvc repro goes on there", file=sys.stderr)
            raise
        recorder.finish(trainer, plans)
    save_best(cell, data, phases, trainer)
    if trainer.checkpoint:
        trainer.checkpoint.remove()


def train_along(phases: list[Phase], trainer: Trainer) -> None:
    """Train in a process that writes nothing."""
    try:
        trainer.fit(phases, lambda _: None)
    except NotFiniteError:
        trainer.group.wait()  # the first process is saving the best weights, and ends all others with itself
        raise


def main() -> None:
    """Train the cell named on the command line."""
    cell = Cell.from_arguments(__doc__)
    params = read_params("train", f"strategies.{cell.strategy}")
    if params.train.devices * params.train.nodes == 1:
        train(cell, params, ALONE)
    elif launch.is_worker():
        launch.work(choose_device(params.train.device), partial(train, cell, params))
    else:
        launch.launch("thaw.stages.train", sys.argv[1:], params.train)


if __name__ == "__main__":
    run(main)
