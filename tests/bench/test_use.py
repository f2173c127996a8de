"""What is measured of a packaged model is its own way from an array to a prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from bench.training import CLASSES, Subject, default_settings, stored_examples
from bench.use import made_model, rate
from thaw.training.inference import predict_logits


def test_a_made_model_predicts_what_its_network_says(tmp_path: Path) -> None:
    settings = default_settings(batch_size=8, precision="fp32")
    subject = Subject("resnet18", "head", settings, stored_examples(tmp_path, 12, 32), torch.device("cpu"))
    model, pictures = made_model(subject), list(np.array(subject.examples.pixels))
    said = model.predict(pictures, 8)
    logits = predict_logits(model.classifier, subject.examples, 8, subject.device, subject.precision)
    expected = 1 / (1 + np.exp(-logits))
    assert np.allclose([list(one.probabilities.values()) for one in said], expected, atol=1e-6)
    assert (len(said), len(said[0].probabilities)) == (12, CLASSES)
    assert rate(model, pictures, 8)() > 0
