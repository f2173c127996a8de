"""A model's decisions with given probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import logit

from thaw.evaluation.calibration import Calibration
from thaw.evaluation.predictions import Predictions
from thaw.evaluation.rule import DecisionRule
from thaw.explain.decided import Decided
from thaw.labels import Task


def decisions(
    images: Sequence[str],
    labels: Sequence[Sequence[int]],
    probabilities: Sequence[Sequence[float]],
    thresholds: Sequence[float | None],
    classes: Sequence[str] = ("Mass", "Edema"),
    task: Task = "multilabel",
) -> Decided:
    """Labels and probabilities, a row an image; its patient is called p and the image's name."""
    given = np.array(probabilities, dtype=np.float64)
    logits = logit(given) if task == "multilabel" else np.log(given)
    names = np.array(list(images), dtype=object)
    patients = np.array([f"p{image}" for image in images], dtype=object)
    said = Predictions(names, patients, np.array(labels, dtype=np.int8), logits, tuple(classes), task)
    return Decided(said, DecisionRule(tuple(classes), Calibration("none", task, {}), tuple(thresholds)))
