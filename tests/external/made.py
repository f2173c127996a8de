"""Small made-up predictions and settings for the tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from thaw.evaluation.calibration import Calibration
from thaw.evaluation.predictions import Predictions
from thaw.labels import Task
from thaw.params.dataset import DatasetParams
from thaw.params.evaluation import EvaluateParams

PARAMS = YAML(typ="safe").load(Path(__file__).parents[2] / "params.yaml")
AS_IT_IS = Calibration("none", "multilabel", {})


def settings(**more: Any) -> EvaluateParams:
    """The section evaluate of the repository, with few samples."""
    return EvaluateParams.model_validate(PARAMS["evaluate"] | {"resamples": 400} | more)


def main_set(**more: Any) -> DatasetParams:
    """The section dataset of the repository."""
    return DatasetParams.model_validate(PARAMS["dataset"] | more)


def predictions(
    labels: Any, logits: Any, patients: Any = None, classes: tuple[str, ...] = ("Mass",), task: Task = "multilabel"
) -> Predictions:  # fmt: skip
    """Of given labels and logits, (N, classes) or (N,); every image is a patient's only one if not said otherwise."""
    labels, logits = (np.asarray(values).reshape(-1, len(classes)) for values in (labels, logits))
    images = np.array([f"{number}.png" for number in range(len(labels))], dtype=object)
    patients = images if patients is None else np.asarray(patients, dtype=object)
    return Predictions(images, patients, labels.astype(np.int8), logits.astype(np.float64), classes, task)


def ranked(patients: int, separation: float, seed: int) -> Predictions:
    """Two images a patient, a third of them positive; positives score higher by ``separation`` standard deviations."""
    random = np.random.default_rng(seed)
    labels = np.arange(2 * patients) % 3 == 0
    names = [f"p{number // 2}" for number in range(2 * patients)]
    return predictions(labels, random.normal(size=2 * patients) + separation * labels, names)
