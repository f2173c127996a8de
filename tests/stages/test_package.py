"""The stage package: a folder that is complete, made of what the stages before wrote, without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import thaw
from tests.use.made import CELL, Project, make_project
from thaw.use.package import read_package

FILES = ["CITATION.cff", "README.md", "model.json", "reference.npz", "rule.json", "weights.safetensors"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("package") / "project", "multiclass")


def test_the_stage_writes_a_complete_folder_in_place_of_the_old_one_without_torch(project: Project) -> None:
    (project.package / "old.txt").touch()
    before = thaw.load(project.package).predict(project.tested())
    code = (
        "import sys; from thaw.stages.package import main; main(); "
        "print([name for name in ('torch', 'matplotlib', 'sklearn') if name in sys.modules])"
    )
    program = [sys.executable, "-c", code, CELL.model, CELL.strategy, str(CELL.seed)]
    done = subprocess.run(program, cwd=project.folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
    assert sorted(path.name for path in project.package.iterdir()) == FILES
    assert not list(project.package.parent.glob(".*"))
    assert thaw.load(project.package).predict(project.tested()) == before


def test_what_train_and_evaluate_wrote_is_in_it(project: Project) -> None:
    trained = project.folder / CELL.model_folder
    assert (project.package / "weights.safetensors").read_bytes() == (trained / "weights.safetensors").read_bytes()
    told = json.loads((trained / "model.json").read_text())
    description = read_package(project.package).description
    assert description == {**told, "input": {**told["input"], "crop_from": 72}, "thaw": description["thaw"]}
    rules = [(folder / "rule.json").read_text() for folder in (project.package, project.folder / CELL.evaluate_folder)]
    assert rules[0] == rules[1]


def test_the_reference_is_of_training_images(project: Project) -> None:
    with np.load(project.folder / CELL.predict_folder / "features.npz") as stored:
        count = len(stored["train_images"])
    assert read_package(project.package).reference.features.shape == (count, 512)


def test_the_card_speaks_of_this_model(project: Project) -> None:
    card = (project.package / "README.md").read_text()
    assert Path(CELL.package_folder).as_posix() in card
    assert "Made up" in card
