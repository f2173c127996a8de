"""The model card: what a network is, what it was made from, how good it is for whom, and what it is not for.

The sections are those of Mitchell et al., "Model cards for model reporting", FAT* 2019 (arXiv:1810.03993), section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version as version_of
from typing import Any

from thaw.caveats import LEAKING, NOISY, RESEARCH_ONLY
from thaw.cells import Cell
from thaw.handover import analyses
from thaw.handover.wording import joined, phase_rows
from thaw.report.markdown import bullets, escape, figure, table
from thaw.report.subject import describe_split

SYNTHETIC = (
    "**Trained and tested on synthetic pictures, which are drawn: it has never seen an X-ray, and no figure below says "
    "anything about patients.**"
)
OUT_OF_SCOPE = (
    "Not for: diagnosis, triage, or any other decision about a patient; pictures other than frontal chest X-rays, of "
    "which it says something all the same; findings that are not among its classes.",
    "Other hospitals, devices, ages or ways of labelling: measure it there first; its figures are about the test "
    "images alone.",
)
NOT_MEASURED = (
    "Not recorded, and so not measured: device, exposure, hospital, image processing, how ill patients are, what else "
    "they have, ethnicity."
)
PEOPLE = (
    "Made from pictures of people who came for care, not for this: ask whether they would mind what you do with it."
)
LICENCES = (
    "The licences of the training images and of the weights that the training began with apply to this network too."
)
ONE_TRAINING = "One training: another seed or machine gives another network, and somewhat other figures."


@dataclass(frozen=True)
class CardFacts:
    """What is known of one trained model, as the pipeline's files say it.

    Attributes:
        cell: which one.
        description: model.json.
        metrics: reports/evaluate/<cell>/metrics.json.
        details: reports/evaluate/<cell>/details.json.
        rule: reports/evaluate/<cell>/rule.json.
        dataset: data/dataset.json.
        split: reports/split.json.
        cost: reports/train/<cell>/cost.json.
        training_set: reports/predict/<cell>/training_set.json.
        version: of thaw.
    """

    cell: Cell
    description: Mapping[str, Any]
    metrics: Mapping[str, Any]
    details: Mapping[str, Any]
    rule: Mapping[str, Any]
    dataset: Mapping[str, Any]
    split: Mapping[str, Any]
    cost: Mapping[str, Any]
    training_set: Mapping[str, Any]
    version: str = field(default_factory=lambda: version_of("thaw"))


def model_card(facts: CardFacts) -> str:
    """The whole card, in Markdown; what the dataset and the labels say is escaped."""
    title = f"# {escape(facts.cell.model)}, strategy {facts.cell.strategy}: {escape(titled(facts.dataset))}"
    leaking = bool(facts.training_set["patient_overlap"])
    sections = [
        title,
        f"**{RESEARCH_ONLY}**",
        *([SYNTHETIC] if facts.dataset["synthetic"] else []),
        *([LEAKING] if leaking else []),
        "## Model details",
        bullets(_model_lines(facts)),
        "### What was thawed",
        table(phase_rows(facts.description["phases"], facts.cost["phases"]), names=4),
        "## Intended use",
        bullets(_use_lines(facts)),
        "## Factors",
        bullets([*analyses.factor_lines(facts.details["subgroups"]), NOT_MEASURED]),
        "## Metrics",
        bullets(analyses.metric_lines(facts.details, facts.dataset["task"])),
        "## Evaluation data",
        bullets(_evaluation_lines(facts)),
        "## Training data",
        bullets(_training_lines(facts)),
        *_prevalences(facts),
        "## Quantitative analyses",
        *analyses.sections(facts.details, facts.dataset["classes"], facts.dataset["task"]),
        "## Ethical considerations, caveats and recommendations",
        bullets(_limits(facts)),
        "## How to use it",
        _usage(facts.cell),
    ]
    return "\n\n".join(sections) + "\n"


def titled(dataset: Mapping[str, Any]) -> str:
    """The dataset's name for people; says so where its images are synthetic."""
    title: str = dataset["title"]
    return f"{title} (synthetic)" if dataset["synthetic"] and "synthetic" not in title.lower() else title


def _model_lines(facts: CardFacts) -> list[str]:
    description, cost, cell = facts.description, facts.cost, facts.cell
    fold = "" if cell.fold is None else f", fold {cell.fold}"
    start = "random weights" if description["phases"][0]["weights"] == "none" else "pretrained weights"
    height, width = description["input"]["size"]
    truth = "any number of them true" if facts.dataset["task"] == "multilabel" else "exactly one of them true"
    classes = joined([escape(name) for name in description["classes"]])
    return [
        f"Backbone: {escape(cell.model)}, {figure(cost['parameters'], 0)} parameters, of which training changed "
        f"{figure(cost['trainable'], 0)}; it began with {start}.",
        f"Strategy {cell.strategy}, seed {cell.seed}{fold}: the weights of epoch {cost['best_epoch']} of "
        f"{cost['epochs']}, the best by validation AUROC.",
        f"Made with thaw {escape(facts.version)} on {escape(cost['device'])} ({cost['precision']}) in "
        f"{figure(cost['seconds'], 1)} seconds.",
        f"Input: a gray picture of {height} x {width} pixels, black 0, white 1, {_cut(description)}",
        f"Output: one logit for each of {len(description['classes'])} classes, {truth}: {classes}.",
    ]


def _cut(description: Mapping[str, Any]) -> str:
    crop_from_px = description["input"].get("crop_from")
    how = "the whole X-ray, resized" if crop_from_px is None else f"cropped from the centre of {crop_from_px} pixels"
    return f"{how} (bicubic, antialiased)."


def _use_lines(facts: CardFacts) -> list[str]:
    purpose = (
        "Made to try out the pipeline, without any X-ray."
        if facts.dataset["synthetic"]
        else "Made for research: to see what thawing more or less of a pretrained network gains and costs."
    )
    return [f"{purpose} For people who know how such figures come about.", *OUT_OF_SCOPE, RESEARCH_ONLY]


def _evaluation_lines(facts: CardFacts) -> list[str]:
    overlap = facts.training_set["patient_overlap"]
    crossing = "No test image shows a patient who was trained on." if not overlap else (
        f"{overlap:.1%} of the test images show a patient who was trained on: every figure is too good."
    )  # fmt: skip
    return [f"Test images of the set that it was trained on. Split: {_split_line(facts)}.", crossing]


def _split_line(facts: CardFacts) -> str:
    if facts.cell.fold is None:
        return escape(describe_split(dict(facts.split)))
    parts = facts.split["folds"]
    tested = parts[facts.cell.fold - 1]
    images, patients = figure(tested["images"], 0), figure(tested["patients"], 0)
    return f"{facts.split['by']}, fold {facts.cell.fold} of {len(parts)}, test {images} images of {patients} patients"


def _training_lines(facts: CardFacts) -> list[str]:
    dataset, trained = facts.dataset, facts.training_set["train_images"]
    asked = "" if facts.cell.subset is None else " (fewer than there are, on purpose)"
    return [
        f"{escape(titled(dataset))}: {figure(dataset['images'], 0)} "
        f"images of {figure(dataset['patients'], 0)} patients in all.",
        f"Trained on {figure(trained, 0)} images{asked}; validation images chose the epoch, the thresholds and the "
        "calibration.",
        *map(escape, dataset["notices"]),
    ]


def _prevalences(facts: CardFacts) -> list[str]:
    """How common each class is; the pipeline counts it for the split as it stands, which is fold 1."""
    if facts.cell.fold is not None or facts.cell.subset is not None:
        return []
    shares = {name: part["prevalence"] for name, part in facts.split["splits"].items()}
    rows = [
        {"class": escape(name)} | {split: _percent(share[name]) for split, share in shares.items()}
        for name in facts.dataset["classes"]
    ]
    return ["Share of the images that have each class, as they were split:", table(rows, names=1)]


def _limits(facts: CardFacts) -> Iterable[str]:
    yield from map(escape, facts.split.get("notes", []))
    yield NOISY
    yield from analyses.caveats(facts.details, facts.rule)
    yield ONE_TRAINING
    if not facts.dataset["synthetic"]:
        yield PEOPLE
    yield LICENCES
    yield RESEARCH_ONLY


def _usage(cell: Cell) -> str:
    folder = cell.package_folder.as_posix()
    return f"""This folder is enough by itself, wherever it lies:

```console
$ python -m thaw predict {folder} x-ray.png
$ python -m thaw export {folder}
```

```python
import thaw

model = thaw.load("{folder}")
print(model.predict(["x-ray.png"]))
```"""


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
