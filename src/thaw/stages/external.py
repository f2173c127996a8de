"""external: what one cell's model says of another set of X-rays.

Reads     the parameters evaluate.batch_size, evaluate.confidence, evaluate.external and evaluate.resamples; the
          prepared data, data/external/<name>/, models/<cell>/.
Writes    reports/predict/<cell>/external/<name>/: predictions.csv (image, patient, label_<class> …, logit_<class> … of
          every image of the set, in the model's classes), domain.json (whether a linear probe on the network's features
          tells the set from the model's own test images).
Promises  the model is used as it was trained: nothing of it is fitted to the other set.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from thaw.backbones.classifier import Classifier
from thaw.cells import Cell
from thaw.command import arguments, run
from thaw.errors import UserError
from thaw.evaluation.rounding import rounded
from thaw.external.domain import Side, check_domain
from thaw.external.named import FOLDER, named_set
from thaw.external.prepared import SPLIT, load_other_set
from thaw.files import write_csv, write_json
from thaw.params.read import read_params
from thaw.prepared import Prepared, load_prepared, prediction_table
from thaw.subsets import draw_patients
from thaw.training.device import choose_device, keep_freed_memory, make_deterministic
from thaw.training.inference import predict_logits, predict_with_features
from thaw.training.saved import load_model

MOST_IMAGES = 2000  # of each set, for the probe


def cell_and_set() -> tuple[Cell, str]:
    """The cell and the name of the other set, as the command line gives them: MODEL STRATEGY SEED NAME.

    Raises:
        UserError: the seed is no whole number.
    """
    given = arguments(__doc__, "model", "strategy", "seed", "name")
    if not given.seed.isdecimal():
        raise UserError(f"the seed is {given.seed!r}: give a whole number, 0 or more")
    return Cell(given.model, given.strategy, int(given.seed)), given.name


def side_of(
    data: Prepared, split: str, classifier: Classifier, description: dict[str, Any], batch_size: int,
    device: torch.device,
) -> Side:  # fmt: skip
    """Features of at most ``MOST_IMAGES`` images of a split: whole patients, always the same."""
    part = data.of(split)
    drawn = part["patient"].isin(draw_patients(part, data.classes, MOST_IMAGES))
    some = dataclasses.replace(data, table=part[drawn])
    _, features = predict_with_features(
        classifier, description["model"], some.examples(split), batch_size, device, description["precision"]
    )
    return Side(features, some.table["patient"].to_numpy(object))


def main() -> None:
    """Predict with the cell and the set named on the command line."""
    cell, name = cell_and_set()
    params: Any = read_params(
        "evaluate.batch_size", "evaluate.confidence", "evaluate.external", "evaluate.resamples"
    ).evaluate
    meanings, folder = named_set(params["external"], name).classes, cell.external_folder(name)
    make_deterministic()
    keep_freed_memory()
    classifier, description = load_model(cell.model_folder)
    device = choose_device("auto")
    classifier.to(device)
    inner = load_prepared(cell=cell)
    outer = load_other_set(FOLDER / name, meanings, description["classes"], description["task"])
    logits = predict_logits(
        classifier, outer.examples(SPLIT), params["batch_size"], device, description["precision"]
    )  # fmt: skip
    inside, outside = (
        side_of(data, split, classifier, description, params["batch_size"], device)
        for data, split in ((inner, "test"), (outer, SPLIT))
    )
    domain = check_domain(inside, outside, params["resamples"], params["confidence"])
    write_csv(folder / "predictions.csv", prediction_table(outer.table, outer.classes, logits, ["image", "patient"]))
    write_json(folder / "domain.json", rounded(domain))
    print(f"{name}: {domain['sentence']}")


if __name__ == "__main__":
    run(main)
