"""Test images of patients who resemble themselves, and networks that see them more or less well."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thaw.comparison.contender import Contender
from thaw.comparison.settings import ComparisonSettings
from thaw.evaluation.predictions import Predictions
from thaw.labels import Task

SETTINGS = ComparisonSettings(resamples=200, confidence=0.95, margin=0.01, threshold=0.5)


@dataclass(frozen=True)
class Cohort:
    """Images of ``patients`` (N,) with ``labels`` (N, classes), and what every network sees alike of them."""

    patients: NDArray[np.int64]
    labels: NDArray[np.int8]
    seen: NDArray[np.float64]

    @classmethod
    def drawn(
        cls, random: np.random.Generator, patients: int = 100, classes: int = 2, share: float = 0.3, images: int = 4
    ) -> Cohort:
        """1 to ``images`` images a patient, which mostly share their labels and how hard they are."""
        of_patient = np.repeat(np.arange(patients), random.integers(1, images + 1, patients))
        ill = random.random((patients, classes)) < share
        labels = (ill[of_patient] & (random.random((len(of_patient), classes)) < 0.9)).astype(np.int8)
        hardness = random.normal(size=(patients, classes))[of_patient]
        return cls(of_patient, labels, labels + hardness + random.normal(size=labels.shape))

    def predicted(
        self, random: np.random.Generator, skill: float = 0.0, noise: float = 0.7, task: Task = "multilabel"
    ) -> Predictions:
        """By one training: its own errors, which are alike within a patient, and ``skill`` for more signal."""
        own = random.normal(size=(self.patients.max(initial=0) + 1, self.labels.shape[1]))[self.patients]
        own = noise * (own + random.normal(size=own.shape))
        return self.with_logits(self.seen + skill * self.labels + own - 1, task)

    def with_logits(self, logits: NDArray[np.float64], task: Task = "multilabel") -> Predictions:
        """With these logits (N, classes)."""
        images = np.array([f"image {number:05}" for number in range(len(self.patients))], dtype=object)
        patients = np.array([f"patient {number}" for number in self.patients], dtype=object)
        classes = tuple(f"class {number}" for number in range(self.labels.shape[1]))
        return Predictions(images, patients, self.labels, logits.astype(np.float64), classes, task)


def contender(*predictions: Predictions, strategy: str, model: str = "net", seconds: float = 10.0) -> Contender:
    """Of these predictions, one a seed."""
    return Contender(model, strategy, predictions, seconds, memory_gib=None, trainable=seconds)
