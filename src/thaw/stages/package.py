"""package: one cell's model with all that is needed to use it, wherever it is taken.

Reads     the parameter preprocess.crop_from; data/dataset.json, models/trained/<cell>/, reports/split.json,
          reports/predict/<cell>/ (features.npz, training_set.json), reports/evaluate/<cell>/ (metrics.json,
          details.json, rule.json), reports/train/<cell>/cost.json.
Writes    models/<cell>/: weights.safetensors; model.json (as train wrote it, with the crop and thaw's version);
          rule.json (calibration, thresholds, levels of prediction sets); reference.npz (what training images are like,
          to tell strange ones); README.md (the model card); CITATION.cff.
Promises  this folder alone is enough to predict: python -m thaw predict, thaw.load; needs neither images nor torch.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from thaw.cells import Cell
from thaw.command import run
from thaw.features import read_features
from thaw.files import read_json
from thaw.handover.card import CardFacts, model_card
from thaw.handover.citation import citation
from thaw.params.read import read_params
from thaw.use.package import DESCRIPTION, RULE, completed, write_package
from thaw.use.strangeness import Reference

DATASET, SPLIT = Path("data/dataset.json"), Path("reports/split.json")


def facts_of(cell: Cell, crop_from_px: int | None) -> CardFacts:
    """All that the pipeline's files say of a cell's model."""
    facts = CardFacts(
        cell=cell,
        description=read_json(cell.model_folder / DESCRIPTION),
        metrics=read_json(cell.evaluate_folder / "metrics.json"),
        details=read_json(cell.evaluate_folder / "details.json"),
        rule=read_json(cell.evaluate_folder / RULE),
        dataset=read_json(DATASET),
        split=read_json(SPLIT),
        cost=read_json(cell.train_folder / "cost.json"),
        training_set=read_json(cell.predict_folder / "training_set.json"),
    )
    return replace(facts, description=completed(facts.description, crop_from_px, facts.version))


def reference_of(cell: Cell) -> Reference:
    """What the training images of a cell's model are like."""
    path = cell.predict_folder / "features.npz"
    return Reference.fit(read_features(path, "train"), read_features(path, "val"))


def main() -> None:
    """Package the cell named on the command line."""
    cell = Cell.from_arguments(__doc__)
    params: Any = read_params("preprocess.crop_from").preprocess
    facts = facts_of(cell, params["crop_from"])
    pages = {"README.md": model_card(facts), "CITATION.cff": citation(facts)}
    write_package(cell.package_folder, cell.model_folder, facts.description, facts.rule, reference_of(cell), pages)


if __name__ == "__main__":
    run(main)
