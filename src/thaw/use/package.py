"""A model's folder: all that is needed to use the model, and what people must know of it.

``weights.safetensors``, ``model.json`` (what the network is, its classes, what is done to a picture before it),
``rule.json`` (calibration, thresholds, levels of prediction sets), ``reference.npz`` (what training images are like),
``README.md`` (the model card), ``CITATION.cff``. Nothing here needs torch.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thaw.caveats import RESEARCH_ONLY
from thaw.errors import UserError, did_you_mean
from thaw.evaluation.rule import DecisionRule
from thaw.files import read_json, replacing, write_json
from thaw.labels import Task
from thaw.use.strangeness import Reference

WEIGHTS, DESCRIPTION, RULE, REFERENCE = "weights.safetensors", "model.json", "rule.json", "reference.npz"
NEEDED = (WEIGHTS, DESCRIPTION, RULE, REFERENCE)
MODELS = Path("models")
# the first of each task's kinds of sets: see thaw.evaluation.conformal.sets.methods_of
PRINCIPAL: Mapping[Task, str] = {"multiclass": "marginal", "multilabel": "false_negative_rate_crc"}


@dataclass(frozen=True)
class Package:
    """What a model's folder says, but for the weights.

    Attributes:
        folder: where it lies.
        description: ``model.json``.
        rule: calibration and thresholds.
        set_level: the probability from which a class is in the prediction set; None where no level keeps the promise.
        reference: what training images are like.
    """

    folder: Path
    description: dict[str, Any]
    rule: DecisionRule
    set_level: float | None
    reference: Reference

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the logits."""
        return tuple(self.description["classes"])

    @property
    def task(self) -> Task:
        """Several labels an image, or exactly one."""
        task: Task = self.description["task"]
        return task

    @property
    def set_method(self) -> str:
        """The kind of prediction sets."""
        return PRINCIPAL[self.task]

    @property
    def size_px(self) -> int:
        """Side of the square that the network sees."""
        return int(self.description["input"]["size"][0])

    @property
    def notices(self) -> tuple[str, ...]:
        """What everyone who uses the model must be told."""
        said = [RESEARCH_ONLY]
        if self.description["synthetic"]:
            said.append(f"Trained on synthetic pictures ({self.description['dataset']}): it has never seen an X-ray.")
        if self.set_level is None:
            said.append("No prediction sets: no level kept its promise on the test patients.")
        return tuple(said)

    @property
    def crop_from_px(self) -> int | None:
        """See ``thaw.images.decode.decode``."""
        crop: int | None = self.description["input"]["crop_from"]
        return crop


def write_package(
    target: Path, trained: Path, described: Mapping[str, Any], rule: Mapping[str, Any], reference: Reference,
    pages: Mapping[str, str],
) -> None:  # fmt: skip
    """Write a model's folder; a reader never sees half of it.

    Args:
        target: becomes the folder.
        trained: the folder that the stage train wrote.
        described: what ``model.json`` says.
        rule: what ``rule.json`` says.
        reference: what training images are like.
        pages: texts for people, by the name of their file.
    """
    with replacing(target) as folder:
        folder.mkdir()
        shutil.copyfile(trained / WEIGHTS, folder / WEIGHTS)
        write_json(folder / DESCRIPTION, described)
        write_json(folder / RULE, rule)
        reference.write(folder / REFERENCE)
        for name, text in pages.items():
            (folder / name).write_text(text, encoding="utf-8")


def completed(description: Mapping[str, Any], crop_from_px: int | None, version: str) -> dict[str, Any]:
    """What train says of a model, and what else one must know to use it elsewhere."""
    return {**description, "input": {**description["input"], "crop_from": crop_from_px}, "thaw": version}


def read_package(folder: Path) -> Package:
    """Read what ``write_package`` wrote, but for the weights.

    Raises:
        UserError: it is no model's folder, or a file in it is damaged.
    """
    _check_folder(folder)
    try:
        description, rule = read_json(folder / DESCRIPTION), read_json(folder / RULE)
        reference = Reference.read(folder / REFERENCE)
        level = rule["conformal_levels"][PRINCIPAL[description["task"]]]
        package = Package(folder, description, DecisionRule.from_json(rule), level, reference)
        if package.rule.classes != package.classes or not package.size_px or package.crop_from_px == 0:
            raise ValueError(f"{RULE} and {DESCRIPTION} are of different models")
    except (ValueError, LookupError, TypeError, EOFError, zipfile.BadZipFile) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise UserError(f"{folder}: the model is damaged ({reason}); copy it again or run dvc repro") from None
    return package


def _check_folder(folder: Path) -> None:
    found = [path.parent.as_posix() for path in sorted(MODELS.glob(f"*/*/*/{REFERENCE}"))]
    nearest = did_you_mean(folder.as_posix(), found)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give a model's, as dvc repro writes it below {MODELS}{nearest}")
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        lacking = f"it has no {', no '.join(missing)}"
        raise UserError(f"{folder} is no model's folder: {lacking}; run dvc repro to make one{nearest}")
