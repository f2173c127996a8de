"""What the statistics of one cell take, tried on predictions made up at random."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from thaw.evaluation.assessment import assess
from thaw.evaluation.predictions import Predictions
from thaw.labels import Task
from thaw.params.evaluation import EvaluateParams

MOST_IMAGES = 400  # what more images take is taken to grow with their number


def time_statistics(validation: int, test: int, classes: int, task: Task, settings: EvaluateParams) -> float:
    """Seconds of measuring so many images of so many classes as evaluate does."""
    share = min(1.0, MOST_IMAGES / max(validation, test))
    fitted, measured = (_made_up(max(2, round(share * images)), classes, task) for images in (validation, test))
    count = len(measured)
    numbers = pd.array([pd.NA] * count, dtype="Int64")
    unknown = pd.DataFrame({"sex": [""] * count, "age": numbers, "view": [""] * count, "follow_up": numbers})
    started = time.perf_counter()
    assess(fitted, measured, unknown, settings)
    return (time.perf_counter() - started) / share


def _made_up(images: int, classes: int, task: Task) -> Predictions:
    random = np.random.default_rng(0)
    labels = np.eye(classes, dtype=np.int8)[random.integers(0, classes, images)]
    names = np.arange(images).astype(str).astype(object)
    named = tuple(str(number) for number in range(classes))
    return Predictions(names, names, labels, labels + random.normal(size=labels.shape), named, task)
