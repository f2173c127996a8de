"""A model card's facts, and a model's folder, made up."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from tests.report.made import covariates, evaluate_params, made_predictions
from thaw.backbones.classifier import build_classifier
from thaw.cells import Cell
from thaw.evaluation.assessment import assess
from thaw.evaluation.rounding import rounded
from thaw.features import Features
from thaw.files import write_json
from thaw.handover.card import CardFacts
from thaw.labels import Task
from thaw.training.saved import save_model
from thaw.use.package import RULE, completed
from thaw.use.strangeness import Reference

CLASSES = ("Mass", "<b>Effusion|")
PHASES = [
    {"thaw": ["head"], "epochs": 3, "lr": 0.01},
    {
        "thaw": [{"last": 2}, "norm"],
        "epochs": 2,
        "lr": 0.001,
        "start": "last",
        "adapt_norm": True,
        "schedule": {"step": 1},
    },
]
USUAL = {
    "backbone_lr": 1.0, "layer_decay": 1.0, "schedule": None, "warmup": 0.0, "start": "best", "patience": None,
    "adapt_norm": False, "weights": "pretrained",
}  # fmt: skip


def blocks(*rates: float | None) -> list[dict[str, Any]]:
    """As cost.json has them."""
    named = zip(("stem", "layer4", "head"), rates, strict=True)
    return [{"block": name, "learning_rate": rate, "trainable": 10 if rate else 0} for name, rate in named]


def description(model: str, task: Task, size_px: int = 64, crop_from_px: int | None = None) -> dict[str, Any]:
    """model.json."""
    train = {
        "model": model, "strategy": "progressive", "seed": 0, "phases": [USUAL | phase for phase in PHASES],
        "classes": list(CLASSES), "task": task, "input": {"size": [size_px, size_px], "values": "gray, 0 to 1"},
        "dataset": "Phantom", "synthetic": True, "precision": "fp32", "best_epoch": 4,
    }  # fmt: skip
    return completed(train, crop_from_px, "0.1.0")


def made_facts(task: Task = "multilabel", **changes: Any) -> CardFacts:
    """Of 40 made-up test images of 20 patients, men and women in turn."""
    predictions = made_predictions(CLASSES, task)
    found = assess(predictions, predictions, covariates(predictions), evaluate_params())
    shares = {"<b>Effusion|": None, "Mass": 0.125}
    parts = {
        name: {"images": images, "patients": images // 2, "prevalence": shares}
        for name, images in {"train": 140, "val": 30, "test": 40}.items()
    }
    cost = {
        "seconds": 1234.5, "parameters": 11_000_000, "trainable": 2_000_000, "device": "CPU, 2 threads",
        "precision": "bf16", "best_epoch": 4, "epochs": 5,
        "phases": [
            {"phase": 1, "blocks": blocks(None, None, 0.01)},
            {"phase": 2, "blocks": blocks(None, 0.0005, 0.001)},
        ],
    }  # fmt: skip
    dataset = {
        "name": "phantom", "title": "Phantom <chest> X-rays", "task": task, "classes": list(CLASSES),
        "synthetic": True, "notices": ["drawn, not <taken>"], "images": 210, "patients": 105,
    }  # fmt: skip
    facts = CardFacts(
        cell=Cell("resnet18", "progressive", 0),
        description=description("resnet18", task),
        metrics=rounded(found.headline),
        details=rounded(found.details),
        rule=found.rule,
        dataset=dataset,
        split={"by": "patient", "seed": 3, "splits": parts, "notes": ["<b>Effusion|: absent from val"]},
        cost=cost,
        training_set={"train_images": 140, "patient_overlap": 0.0},
        version="0.1.0",
    )
    return dataclasses.replace(facts, **changes)


def write_made_package(
    folder: Path, model: str = "resnet18", task: Task = "multilabel", crop_from_px: int | None = None, size_px: int = 64
) -> None:  # fmt: skip
    """A model's folder: random weights, a rule fitted on made-up predictions."""
    classifier = build_classifier(model, len(CLASSES), seed=0, size_px=size_px)
    save_model(folder, classifier, description(model, task, size_px, crop_from_px))
    write_json(folder / RULE, made_facts(task).rule)
    features = Features(np.array(["a", "b", "c"]), np.eye(3, dtype=np.float32))
    Reference.fit(features, features).write(folder / "reference.npz")
    (folder / "README.md").write_text("The card.\n")
