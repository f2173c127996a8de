"""A packaged model on new images against a bare forward pass on a batch that is there already.

thaw reads and decodes each image, finds its probabilities, decisions and prediction set, and how far it lies from the
training images. The bare loop does nothing but the network, so that its rate is what no program can exceed; of large
files decoding takes longer than the network, which ``python -m bench decode`` measures.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from bench.measure import QUICK_ROUNDS, Table, at_least, take_turns
from bench.pictures import SIDE_PX, write_grainy
from bench.training import (
    CLASSES,
    BareLoop,
    Subject,
    add_shape_options,
    bare_evaluation_rate,
    begin_as_stages_do,
    default_settings,
    stored_examples,
)
from thaw.evaluation.calibration import Calibration
from thaw.evaluation.rule import DecisionRule
from thaw.training.device import choose_device
from thaw.training.inference import predict_with_features
from thaw.use.model import Model
from thaw.use.package import Package
from thaw.use.pictures import Picture
from thaw.use.strangeness import MOST_FEATURES, NEIGHBOUR, Reference

GOAL = 0.92  # that of ``limit``, for images that need no decoding
MODELS = ("efficientnet_lite0", "resnet18")
FILES, QUICK_FILES = 64, 8


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="MODEL")
    parser.add_argument("--precision", default="bf16", choices=("bf16", "fp32"), help="of both sides (bf16)")
    add_shape_options(parser, 256)
    parser.set_defaults(batch=64)


def measure(given: argparse.Namespace) -> list[Table]:
    """Measure arrays of the network's own size, then large PNG files."""
    begin_as_stages_do()
    images, size_px, rounds = (32, 64, QUICK_ROUNDS) if given.quick else (given.images, given.size, given.rounds)
    settings = default_settings(batch_size=given.batch, precision=given.precision)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        examples = stored_examples(folder, images, size_px)
        names = write_grainy(folder / "files", QUICK_FILES if given.quick else FILES)
        files = [folder / "files" / file for file in names]
        for backbone in given.models:
            subject = Subject(backbone, "head", settings, examples, choose_device("cpu"))
            model, bare = made_model(subject), partial(bare_evaluation_rate, BareLoop(subject))
            for what, pictures in (("arrays", list(np.array(examples.pixels))), ("PNG files", files)):
                figures = take_turns({"thaw": rate(model, pictures, given.batch), "bare": bare}, rounds)
                ratio = figures["thaw"].over(figures["bare"])
                goal = at_least(GOAL, ratio) if what == "arrays" else ""
                told = [figures[name].text(1) for name in ("thaw", "bare")]
                rows.append([f"{backbone}, {what}", ratio.text(3), goal, *told])
    note = (
        f"{images} arrays of {size_px} x {size_px}, {len(files)} files of {SIDE_PX} x {SIDE_PX}; batch {given.batch}, "
        f"{given.precision}; rounds: {rounds}, median (smallest to largest)."
    )
    return [Table("Images/s against a bare forward pass", ("what", "ratio", "goal", "thaw", "bare loop"), rows, note)]


def rate(model: Model, pictures: Sequence[Picture], batch_size: int) -> Callable[[], float]:
    """Images/s of ``Model.predict``, as a function that measures itself."""

    def measured() -> float:
        started = time.perf_counter()
        model.predict(pictures, batch_size)
        return len(pictures) / (time.perf_counter() - started)

    return measured


def made_model(subject: Subject) -> Model:
    """A model of random weights with as much around it as a trained one has."""
    classifier, size_px = subject.classifier(), subject.examples.pixels.shape[1]
    classes = [f"class {number}" for number in range(CLASSES)]
    described = {
        "model": subject.model, "classes": classes, "task": "multilabel", "synthetic": True, "dataset": "noise",
        "input": {"size": [size_px, size_px], "crop_from": None},
    }  # fmt: skip
    parameters = {"slope": [1.0] * CLASSES, "bias": [0.0] * CLASSES, "not_fitted": []}
    rule = DecisionRule(tuple(classes), Calibration("platt", "multilabel", parameters), (0.5,) * CLASSES)
    _, features = predict_with_features(
        classifier, subject.model, subject.examples, len(subject.examples), subject.device, subject.precision
    )
    stored = np.resize(features, (MOST_FEATURES, features.shape[1])).astype(np.float16)
    package = Package(Path(), described, rule, 0.5, Reference(stored, NEIGHBOUR, 1.0))
    return Model(package, classifier, subject.device, subject.precision)
