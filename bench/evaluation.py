"""Statistics from stored predictions: one cell measured as the stage evaluate does, and the patients' resamples alone.

Predictions are made up at the size of NIH's test part (15 % of 112,120 images, 14 findings about as frequent, 3.6
images a patient); no model takes part.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from bench.measure import QUICK_ROUNDS, REPOSITORY, ROUNDS, Table, at_most, seconds, take_turns
from thaw.evaluation.assessment import assess
from thaw.evaluation.bootstrap import Resampling
from thaw.evaluation.predictions import Predictions
from thaw.params.read import read_params

GOAL_S, BOOTSTRAP_GOAL_S = 180.0, 60.0
BOOTSTRAP_IMAGES, RESAMPLES = 25_000, 2_000
IMAGES_A_PATIENT = 3.6
# images with each finding among NIH's 112,120
FREQUENCIES = np.array(
    [11_559, 2_776, 13_317, 19_894, 5_782, 6_331, 1_431, 5_302, 4_667, 2_303, 2_516, 1_686, 3_385, 227]
)
SEPARATION = 1.2  # between the logits of positives and negatives: an AUROC of about 0.8


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--images", type=int, default=16_800, help="of the test part, and of validation (16800)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"that count ({ROUNDS})")


def measure(given: argparse.Namespace) -> list[Table]:
    """Make the predictions, measure them."""
    images, rounds = (400, QUICK_ROUNDS) if given.quick else (given.images, given.rounds)
    many = 400 if given.quick else BOOTSTRAP_IMAGES
    settings = read_params("evaluate", path=REPOSITORY / "params.yaml").evaluate
    validation, test, larger = (made_up(count, seed) for seed, count in enumerate((images, images, many)))
    work: dict[str, Callable[[], object]] = {
        "assess": partial(assess, validation, test, covariates(test), settings),
        "auroc": partial(resample, larger),
    }
    taken = take_turns({name: partial(seconds, one) for name, one in work.items()}, rounds)
    classes = len(FREQUENCIES)
    rows = [
        [what, taken[name].times(1 / goal).text(), at_most(goal, taken[name]), taken[name].text(1)]
        for name, what, goal in (
            ("assess", f"all of evaluate, {images:,} test images", GOAL_S),
            ("auroc", f"AUROC alone, {many:,} images, {RESAMPLES:,} resamples", BOOTSTRAP_GOAL_S),
        )
    ]
    note = (
        f"{classes} classes; {settings.resamples:,} resamples of patients in evaluate; rounds: {rounds}, median "
        "(smallest to largest)."
    )
    return [Table("Seconds of statistics", ("what", "of the goal", "goal, s", "seconds"), rows, note)]


def made_up(images: int, seed: int) -> Predictions:
    """Predictions whose AUROC is about 0.8."""
    random = np.random.default_rng(seed)
    labels = (random.random((images, len(FREQUENCIES))) < FREQUENCIES / 112_120).astype(np.int8)
    logits = random.normal(size=labels.shape) + SEPARATION * labels - 2
    names = np.array([f"{number:06}.png" for number in range(images)], dtype=object)
    patients = random.integers(0, max(1, int(images / IMAGES_A_PATIENT)), images).astype(str).astype(object)
    classes = tuple(f"finding {number}" for number in range(len(FREQUENCIES)))
    return Predictions(names, patients, labels, logits, classes, "multilabel")


def covariates(predictions: Predictions) -> pd.DataFrame:
    """Sex, age, view and follow-up, drawn at random."""
    random, images = np.random.default_rng(0), len(predictions)
    return pd.DataFrame({
        "sex": random.choice(["M", "F"], images), "age": pd.array(random.integers(5, 95, images), dtype="Int64"),
        "view": random.choice(["PA", "AP"], images),
        "follow_up": pd.array(random.integers(0, 5, images), dtype="Int64"),
    })  # fmt: skip


def resample(predictions: Predictions) -> None:
    """AUROC of all classes in every resample of the patients."""
    Resampling.of(predictions.patients, RESAMPLES).auroc(predictions.labels, predictions.logits)
