"""python -m thaw plan: what the whole grid of params.yaml will take in time, disk and memory, before it starts.

A few images of noise are trained on with everything that the strategies thaw, on the device that is to be used; the
rest is arithmetic. Nothing of the project is changed.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence

from thaw.cells import Cell, grid, subset_grid
from thaw.params.read import read_params
from thaw.params.schema import Params
from thaw.planning.apart import measure_apart, start_seconds
from thaw.planning.costs import Costs, PictureCost
from thaw.planning.images import Images, find_images
from thaw.planning.pictures import time_decoding, time_phantoms
from thaw.planning.predict import Row, predict
from thaw.planning.probe import Question
from thaw.planning.statistics import time_statistics
from thaw.planning.table import duration, table
from thaw.progress import progress
from thaw.training.saved import WEIGHTS

NOTES = (
    "It is a prediction for running everything; dvc repro passes over what is there and has not changed.",
    "Not counted: downloads, DVC's own work and its cache (a second copy where the disk has no reflinks).",
    "A phase with patience may end sooner; strategies that leave the same blocks frozen share what is kept of them.",
    "Memory is without pages of mapped files (images, kept activations), which the system takes back.",
)


def main(arguments: Sequence[str]) -> None:
    """Measure, predict, print."""
    parser = argparse.ArgumentParser(
        prog="python -m thaw plan", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args(arguments)
    started, params = time.perf_counter(), read_params(*Params.model_fields)
    cells = [*grid(params), *subset_grid(params)]
    images = find_images(params, cells)
    costs = measure(params, cells, images)
    rows = predict(params, cells, images, costs, _processors(), results_of(cells))
    print("\n".join(page(params, cells, images, costs, rows, time.perf_counter() - started)))


def measure(params: Params, cells: Sequence[Cell], images: Images) -> Costs:
    """Everything that the prediction needs."""
    named = dict.fromkeys(cell.strategy for cell in cells)
    strategies = {name: params.strategies[name] for name in named}
    most = max(images.of(cell).train for cell in cells)
    models, start = {}, 0.0
    for model in progress(params.models, "measuring", "models", len(params.models)):
        question = Question(
            model, strategies, most, images.classes, images.task, params.preprocess.size, params.train,
            params.evaluate.batch_size,
        )  # fmt: skip
        models[model], start = measure_apart(question)
    sizes = images.of(cells[0])
    statistics = time_statistics(sizes.val, sizes.test, images.classes, images.task, params.evaluate)
    return Costs(models, time_pictures(params, images), start, start_seconds(), statistics)


def time_pictures(params: Params, images: Images) -> PictureCost:
    """What the pictures take before training, as far as it lies ahead."""
    if images.has_pixels:
        return PictureCost(None)
    if images.source is None:
        return time_phantoms(params.dataset.phantom, params.preprocess)
    return time_decoding(images.source, images.names, params.preprocess)


def results_of(cells: Sequence[Cell]) -> Iterator[str]:
    """The stages of cells whose results are there."""
    for cell in cells:
        if (cell.model_folder / WEIGHTS).is_file() and (cell.train_folder / "cost.json").is_file():
            yield f"train {cell}"
        if (cell.predict_folder / "predictions.csv").is_file():
            yield f"predict {cell}"


def page(
    params: Params, cells: Sequence[Cell], images: Images, costs: Costs, rows: Sequence[Row], seconds: float
) -> Iterator[str]:
    """The lines that are printed."""
    sizes = images.of(cells[0])
    split = f"{sizes.train:,} to train on, {sizes.val:,} validation, {sizes.test:,} test"
    yield f"{images.count:,} images ({split}), {images.origin}."
    places = dict.fromkeys(model.device for model in costs.models.values())
    yield f"Measured on {'; '.join(places)}, in {duration(seconds)}."
    yield f"\n{table(rows)}\n"
    yield from (f"- {note}" for note in NOTES)
    if params.train.devices * params.train.nodes > 1:
        yield f"- Measured on one device; {params.train.devices * params.train.nodes} share each training's batches."


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
