"""The program without thaw: its probabilities are thaw's, whatever the calibration."""

from __future__ import annotations

from functools import cache
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from thaw.evaluation.calibration import Calibration, fit_calibration
from thaw.handover.predict_onnx import probabilities
from thaw.labels import Task
from thaw.params.evaluation import CalibrationMethod

COUNT = 60


@cache
def fitted(method: CalibrationMethod, task: Task) -> Calibration:
    """On classes that a network knows a little of; nobody has the last one, so that it keeps its probabilities."""
    random = np.random.default_rng(0)
    labels = np.zeros((COUNT, 3), dtype=np.int64)
    labels[np.arange(COUNT), random.integers(0, 2, COUNT)] = 1
    return fit_calibration(labels + random.normal(size=labels.shape), labels, task, method)


@pytest.mark.parametrize("task", get_args(Task))
@pytest.mark.parametrize("method", get_args(CalibrationMethod))
@settings(max_examples=25)
@given(logits=arrays(np.float64, (4, 3), elements=st.floats(-80, 80)))
def test_probabilities_are_those_of_thaw(method: CalibrationMethod, task: Task, logits: np.ndarray) -> None:
    calibration = fitted(method, task)
    use = {"task": task, "calibration": calibration.to_json()}
    np.testing.assert_allclose(probabilities(logits, use), calibration.probabilities(logits), atol=1e-9)
