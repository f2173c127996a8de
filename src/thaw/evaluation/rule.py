"""How a trained network is used: calibrated probabilities, and from which of them on a class counts as present."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.calibration import Calibration, fit_calibration
from thaw.evaluation.predictions import Predictions
from thaw.evaluation.thresholds import fit_thresholds
from thaw.params.evaluation import EvaluateParams


@dataclass(frozen=True)
class DecisionRule:
    """Fitted on validation images, never on those that it is measured on.

    Attributes:
        classes: in the order of the logits.
        calibration: from logits to probabilities.
        thresholds: of each class, on calibrated probabilities; None where validation images could not say one.
    """

    classes: tuple[str, ...]
    calibration: Calibration
    thresholds: tuple[float | None, ...]

    def probabilities(self, logits: NDArray[np.floating]) -> NDArray[np.floating]:
        """Calibrated probabilities (N, classes)."""
        return self.calibration.probabilities(logits)

    def to_json(self) -> dict[str, Any]:
        """What ``from_json`` makes the same rule of."""
        return {
            "calibration": self.calibration.to_json(),
            "thresholds": dict(zip(self.classes, self.thresholds, strict=True)),
        }

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> DecisionRule:
        """The rule that ``to_json`` described."""
        thresholds = written["thresholds"]
        return cls(tuple(thresholds), Calibration.from_json(written["calibration"]), tuple(thresholds.values()))


def fit_rule(validation: Predictions, settings: EvaluateParams) -> DecisionRule:
    """First the calibration, then thresholds of calibrated probabilities."""
    calibration = fit_calibration(validation.logits, validation.labels, validation.task, settings.calibration)
    probabilities = calibration.probabilities(validation.logits)
    thresholds = fit_thresholds(validation.labels, probabilities, settings.operating_point)
    return DecisionRule(validation.classes, calibration, tuple(thresholds))
