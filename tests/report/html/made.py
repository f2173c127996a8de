"""Facts made up for whole pages: results, statistics, explanations, provenance."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from tests.report.conftest import make_cell
from tests.report.made import NO_SHORTCUTS, made_statistics
from thaw.cells import Cell
from thaw.evaluation.calibration import Calibration
from thaw.evaluation.rule import DecisionRule
from thaw.explain.decided import Decided
from thaw.explain.gallery import choose_images
from thaw.labels import Task
from thaw.report.explained import Explained, ExplainedCell
from thaw.report.html.facts import PageFacts
from thaw.report.html.page import render
from thaw.report.provenance import Provenance
from thaw.report.results import CellResult, Results
from thaw.report.statistics import predictions_of
from thaw.report.subject import Subject

HOSTILE = ("<script>alert(1)</script>", "\"><img src=x onerror='alert(2)'>", "O'Neil & Söhne 肺")
STRATEGIES = ("frozen", "full")
BLOCKS = ("stem", "stage1", "stage2", "head")
SIDE = 48
MADE_BY = Provenance(
    command="python -m thaw.stages.compare",
    commit="0123456789abcdef0123456789abcdef01234567",
    changed=("params.yaml",),
    hashes={
        "data/labels.csv": "9e107d9d372bb6826bd81d3542a419d6",
    },
    versions={"python": "3.12.0", "torch": "2.11.0"},
    system="Linux",
    date="2026-01-31",
)


def made_results(
    classes: tuple[str, ...],
    task: Task,
    models: tuple[str, ...] = ("resnet18", "resnet50"),
    seeds: tuple[int, ...] = (0,),
) -> Results:
    """A grid whose cells say what each phase trained."""
    grid = [Cell(model, strategy, seed) for model in models for strategy in STRATEGIES for seed in seeds]
    cells = tuple(_with_phases(make_cell(cell, classes, task, rank)) for rank, cell in enumerate(grid))
    limits = ("Drawn, not taken.", "<b>Hernia</b>: absent")
    subject = Subject(
        "Phantom <i>chests</i> (synthetic)", task, classes, "patient 70/15/15, test 40 images", False, limits
    )
    return Results(subject, cells, "full")


def _with_phases(result: CellResult) -> CellResult:
    trained = result.cell.strategy == "full"
    blocks = [
        {"block": name, "learning_rate": 0.001 if trained or name == "head" else None, "parameters": 1000,
         "trainable": 1000 if trained or name == "head" else 0, "epochs": [1, 5] if trained or name == "head" else None}
        for name in BLOCKS
    ]  # fmt: skip
    phase = {"phase": 1, "epochs": 5, "seconds": 12.0, "images_per_second": 30.0, "blocks": blocks}
    return dataclasses.replace(result, cost={**result.cost, "phases": [phase]})


def made_explained(results: Results, examples: int = 1, failures: int = 1, side: int = SIDE) -> Explained:
    """Explanations of every model and strategy; X-rays and maps are smooth noise."""
    random = np.random.default_rng(0)
    cells = tuple(_explained_cell(results, *pair, failures, random) for pair in results.pairs)
    gallery = pd.concat([
        choose_images(model, *[cell.decided for cell in cells if cell.model == model][:: len(STRATEGIES) - 1], examples)
        for model in results.models
    ])  # fmt: skip
    names = [*cells[0].decided.predictions.images, "train/<b>7</b>.png"]
    for cell in cells:
        pairs = [
            *zip(gallery["image"], gallery["class"], strict=True),
            *((f["image"], f["class"]) for f in cell.failures),
        ]
        cell.maps.update({pair: random.integers(0, 255, (56, 56), dtype=np.uint8) for pair in pairs})
    noise = random.normal(128, 40, (len(names), side // 4, side // 4)).clip(0, 255).astype(np.uint8)
    pixels = noise.repeat(4, axis=1).repeat(4, axis=2)
    text = gallery.astype(str)
    return Explained(
        text, cells, _embeddings(results, cells[0].decided), _purity(results), dict(zip(names, pixels, strict=True)),
        {name: row for row, name in enumerate(names)},
    )  # fmt: skip


def _explained_cell(
    results: Results, model: str, strategy: str, failures: int, random: np.random.Generator
) -> ExplainedCell:
    predictions = predictions_of(results.seeds_of(model, strategy)[0], results)
    shaken = predictions.logits + (random.normal(size=predictions.logits.shape) if strategy == "frozen" else 0)
    calibration = Calibration("none", predictions.task, {})
    rule = DecisionRule(predictions.classes, calibration, (None, *[0.5] * (len(predictions.classes) - 1)))
    decided = Decided(dataclasses.replace(predictions, logits=shaken), rule)
    found = [
        _failure(str(predictions.images[place]), name) for name in predictions.classes for place in range(failures)
    ]
    pairs = [{"true": predictions.classes[1], "given": predictions.classes[2], "images": 3, "share": 0.25}]
    return ExplainedCell(model, strategy, MEASURES, tuple(found), tuple(pairs), {}, decided)


def _failure(image: str, name: str) -> dict[str, Any]:
    neighbours = [{"image": "train/<b>7</b>.png", "distance": 0.25, "labels": [name]}]
    return {
        "image": image, "patient": "<i>Patient Zero</i>", "class": name, "kind": "false_positive",
        "probability": 0.97, "threshold": 0.5, "labels": [], "sex": "F", "age": 61, "view": None, "follow_up": None,
        "neighbours": neighbours,
    }  # fmt: skip


_LOCATED = {
    "maps": 12, "images": 9, "pointing": 0.7, "pointing_low": 0.5, "pointing_high": 0.9, "energy": 0.3, "overlap": 0.2,
    "area": 0.1, "by_class": {HOSTILE[2]: {"maps": 12, "pointing": 0.7, "area": 0.1}},
}  # fmt: skip
_CURVE = [0.9, 0.5, 0.1]
MEASURES: dict[str, Any] = {
    "method": "gradcam", "block": "stage2",
    "localisation": {"reason": None, "trained": _LOCATED, "untrained": {**_LOCATED, "pointing": 0.1}},
    "faithfulness": {
        "reason": None, "images": 8, "fractions": [0, 0.5, 1], "deletion": _CURVE, "insertion": _CURVE[::-1],
        "random_deletion": _CURVE, "random_insertion": _CURVE[::-1], "deletion_area": 0.3, "insertion_area": 0.4,
        "random_deletion_area": 0.5, "random_insertion_area": 0.5,
    },
    "randomisation": {"reason": "explain.images is 0", "images": 0, "blocks": []},
    "similarity": [{"block": name, "cka": value} for name, value in zip(BLOCKS[:-1], (0.9, 0.8, None), strict=True)],
}  # fmt: skip


def _embeddings(results: Results, decided: Decided) -> pd.DataFrame:
    random = np.random.default_rng(1)
    images = decided.predictions.images
    half = len(images) // 2
    shared = {"set": ["test", "train"] * half, "image": images, "label": [HOSTILE[0], "none"] * half, "error": "right",
              "sex": "F", "view": ""}  # fmt: skip
    axes = [f"{method}_{axis}" for method in ("pca", "tsne", "umap") for axis in "xy"]
    return pd.concat([
        pd.DataFrame({"model": model, "strategy": strategy, **shared,
                      **{axis: random.normal(size=len(images)) for axis in axes}})
        for model, strategy in results.pairs
    ], ignore_index=True)  # fmt: skip


def _purity(results: Results) -> dict[str, dict[str, Any]]:
    values = {name: {"value": 0.6, "chance": 0.5, "reason": None} for name in ("label", "sex", "set")}
    unknown = {"view": {"value": None, "chance": None, "reason": "all views are unknown"}}
    told: dict[str, dict[str, Any]] = {model: {} for model in results.models}
    for model, strategy in results.pairs:
        told[model][strategy] = {"purity": {**values, **unknown}, "variance": 0.4}
    return told


def made_facts(results: Results, explained: Explained | None = None, **changes: Any) -> PageFacts:
    """Everything that a page tells."""
    prevalence = dict.fromkeys(results.subject.classes, 0.25)
    part = {"patients": 20, "images": 40, "share": 0.15, "prevalence": prevalence}
    facts = PageFacts(
        results=results,
        statistics=made_statistics(results, {**NO_SHORTCUTS, "notes": ["<u>archives</u> were not read"]}),
        threshold=0.5,
        dataset={"name": "phantom", "images": 266, "patients": 133, "synthetic": True},
        split={"by": "patient", "seed": 0, "splits": {"train": part, "val": part, "test": part}},
        provenance=MADE_BY,
        explained=explained,
    )
    return dataclasses.replace(facts, **changes)


@lru_cache
def hostile_page() -> str:
    """One model, several labels an image, everything explained, and names that try to break out."""
    results = made_results(HOSTILE, "multilabel", ("resnet18",))
    return render(made_facts(results, made_explained(results)))


@lru_cache
def plain_page() -> str:
    """One model, one label an image, two seeds, nothing explained."""
    return render(made_facts(made_results(("NORMAL", "TB", "OTHER"), "multiclass", ("resnet18",), (0, 1))))
