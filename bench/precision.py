"""bf16 against fp32 on this CPU, by model: a step of the whole network, a step of the head alone, evaluation.

Both are thaw's own: its trainer and its evaluation, in turns, on the same images.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.measure import QUICK_ROUNDS, Spread, Table, take_turns
from bench.training import (
    PHASES,
    Subject,
    Thaw,
    add_shape_options,
    begin_as_stages_do,
    default_settings,
    evaluation_rate,
    stored_examples,
)
from thaw.training.batches import Examples
from thaw.training.device import choose_device
from thaw.training.probe import faster

MODELS = ("efficientnet_lite0", "mobilenet_v2", "resnet18", "densenet121")
PRECISIONS = ("fp32", "bf16")
WORK = {"full": "whole network", "frozen": "head alone", "evaluation": "evaluation"}
MILLISECONDS = 1e3


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="MODEL")
    add_shape_options(parser, 128)


def measure(given: argparse.Namespace) -> list[Table]:
    """Measure on the CPU."""
    begin_as_stages_do()
    images, size_px, rounds = (32, 64, QUICK_ROUNDS) if given.quick else (given.images, given.size, given.rounds)
    with tempfile.TemporaryDirectory() as folder:
        examples = stored_examples(Path(folder), images, size_px)
        rows = [
            precision_row(model, name, take_turns(contestants(model, name, examples, given.batch), rounds))
            for model in given.models
            for name in WORK
        ]
    columns = ("model", "what", "fp32 over bf16", "probe", "fp32, ms an image", "bf16, ms an image")
    shape = f"{images} images an epoch, {size_px} x {size_px}, batch {given.batch}, augmentation light"
    note = (
        f"{shape}; rounds: {rounds}, median (smallest to largest). Above 1, bf16 is faster. Probe: what the stage "
        "probe would choose by these times."
    )
    return [Table("bf16 against fp32", columns, rows, note)]


def contestants(model: str, name: str, examples: Examples, batch: int) -> dict[str, Callable[[], float]]:
    """By precision, what does one epoch of the work ``name`` and returns its ms an image."""
    made: dict[str, Callable[[], float]] = {}
    for precision in PRECISIONS:
        settings = default_settings(batch_size=batch, augment="light", precision=precision)
        thaw = Thaw(Subject(model, PHASES.get(name), settings, examples, choose_device("cpu")))
        made[precision] = partial(milliseconds, partial(evaluation_rate, thaw) if name == "evaluation" else thaw)
    return made


def milliseconds(rate: Callable[[], float]) -> float:
    """Of an image, where ``rate`` returns images/s."""
    return MILLISECONDS / rate()


def precision_row(model: str, name: str, figures: dict[str, Spread]) -> list[str]:
    """Model, work, ratio, the choice for training, and both times."""
    fp32, bf16 = (figures[precision] for precision in PRECISIONS)
    chosen = faster(fp32.median, bf16.median)[0] if name == "full" else ""
    return [model, WORK[name], fp32.over(bf16).text(), chosen, fp32.text(1), bf16.text(1)]
