"""A strategy trained once more on other labels or another split, beside the pipeline; nothing of it is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from thaw.backbones.classifier import build_classifier
from thaw.backbones.stored import load_pretrained
from thaw.errors import UserError
from thaw.evaluation.predictions import Predictions
from thaw.labels import UNKNOWN
from thaw.params.schema import Params, TrainParams
from thaw.params.strategy import Phase
from thaw.prepared import Prepared
from thaw.training.device import Precision, choose_device
from thaw.training.engine import Trainer
from thaw.training.inference import predict_logits
from thaw.training.probe import precision_of
from thaw.training.store import Store

Predict = Callable[[Prepared, int], Predictions]  # data and the seed of the head -> what the test images were given


@dataclass(frozen=True)
class Trial:
    """What is trained, and how.

    Attributes:
        model: the backbone.
        phases: the strategy.
        settings: of training, on one device.
        seed: of the order of images and their augmentation.
        pretrained: the backbone's tensors; None: from the head's seed.
        device, precision: of training and prediction.
        batch_size: images at a time in prediction.
        store: where activations of frozen blocks are kept, so that trials on the same images share them.
    """

    model: str
    phases: Sequence[Phase]
    settings: TrainParams
    seed: int
    pretrained: Mapping[str, Tensor] | None
    device: torch.device
    precision: Precision
    batch_size: int
    store: Store | None

    def predict(self, data: Prepared, head_seed: int) -> Predictions:
        """Train on the training images of ``data`` as the stage train does, and predict its test images.

        Raises:
            UserError: a split is empty, the strategy does not fit the backbone, or the training failed.
        """
        test = data.examples("test")
        size_px = data.pixels.shape[1]
        classifier = build_classifier(self.model, len(data.classes), head_seed, self.pretrained, size_px)
        trainer = Trainer(
            classifier, data.examples("train"), data.examples("val"), data.task, self.settings, self.seed, self.device,
            self.precision, store=self.store,
        )  # fmt: skip
        trainer.fit(self.phases, lambda _: None)
        logits = predict_logits(classifier, test, self.batch_size, self.device, self.precision).astype(np.float64)
        if not np.isfinite(logits).all():
            raise UserError(f"{self.model} gave test images logits that are no finite numbers; lower the learning rate")
        part = data.of("test")
        labels = part[data.classes].to_numpy(np.int64, na_value=UNKNOWN).astype(np.int8)
        images, patients = part["image"].to_numpy(object), part["patient"].astype(str).to_numpy(object)
        return Predictions(images, patients, labels, logits, tuple(data.classes), data.task)


def make_trial(params: Params, model: str, strategy: str, folder: Path, models: Path = Path("models")) -> Trial:
    """A trial with the project's parameters, pretrained weights and precision.

    Args:
        params: all of them.
        model: one of ``models``.
        strategy: one of ``strategies``.
        folder: where activations are kept meanwhile.
        models: where the stages weights and probe write.

    Raises:
        UserError: these stages have not been run.
    """
    phases, settings = params.strategies[strategy], params.train.model_copy(update={"devices": 1, "nodes": 1})
    stored, device = models / "pretrained" / f"{model}.safetensors", choose_device(settings.device)
    if phases[0].weights != "none" and not stored.is_file():
        raise UserError(f"{stored} is missing; run dvc repro weights@{model}")
    pretrained = None if phases[0].weights == "none" else load_pretrained(stored)
    store = Store(folder, settings.cache_gib, "check") if settings.cache_gib else None
    return Trial(
        model, phases, settings, params.seeds[0], pretrained, device,
        precision_of(model, settings.precision, device, models / "probe"), params.evaluate.batch_size, store,
    )  # fmt: skip
