"""A copy of the project in an empty folder, shrunk to seconds, in which DVC runs for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

REPOSITORY = Path(__file__).parents[2]
COPIED = ("src", "dvc.yaml", "params.yaml", ".dvc/config", ".dvc/.gitignore", ".dvc/plots", ".dvcignore", ".gitignore",
          "data/README.md", "data/lists", "models/README.md", "reports/README.md")  # fmt: skip
# Git as it is for somebody new: who commits, and nothing else
IDENTITY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"} | {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "A Newcomer"), ("EMAIL", "newcomer@example.org"))
}
TINY: dict[str, Any] = {
    "dataset.phantom.images": 60,
    "dataset.phantom.size": 64,
    "preprocess.size": 64,
    "train.batch_size": 8,
    "train.precision": "fp32",
    "evaluate.resamples": 100,
    "evaluate.conformal.repeats": 5,
    "explain.failures": 1,
    "explain.images": 2,
    "explain.steps": 2,
    "explain.embedded": 0,
    "strategies.frozen.0.epochs": 1,
    "strategies.partial.0.epochs": 1,
    "strategies.full.0.epochs": 1,
    "strategies.progressive.0.epochs": 1,
    "strategies.progressive.1.epochs": 1,
}


MODEL = "efficientnet_lite0"
TOGETHER = {"gallery", "embeddings", "compare"}  # stages, of all cells together


def cells(stage: str, *strategies: str) -> set[str]:
    """The names of a stage for each of some strategies."""
    return {f"{stage}@{MODEL}-{strategy}-0" for strategy in strategies}


def every_stage(*strategies: str) -> set[str]:
    """All stages that belong to the cells of some strategies."""
    stages = ("train", "predict", "evaluate", "package", "explain")
    return {name for stage in stages for name in cells(stage, *strategies)}


class Project:
    """A folder under Git and DVC, and the commands that a user types in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first_run: set[str] = set()

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **IDENTITY, "PYTHONPATH": str(self.folder / "src")}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=540
        )
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments).stdout

    def repro(self, *arguments: str) -> set[str]:
        """The stages that ``dvc repro`` ran, without those it took from the run cache."""
        return stages_run(self.run("dvc", "repro", *arguments).stdout)

    def changed(self) -> set[str]:
        """The stages of which DVC finds something changed that they depend on, or made."""
        status: dict[str, Any] = json.loads(self.run("dvc", "status", "--json").stdout)
        return set(status)

    def experiment(self, *changes: str) -> set[str]:
        """The stages that ``dvc exp run -S …`` ran."""
        options = [part for change in changes for part in ("-S", change)]
        return stages_run(self.run("dvc", "exp", "run", *options).stdout)

    def set(self, **changes: Any) -> None:
        """Edit params.yaml; ``__`` stands for the point between keys."""
        edit_params(self.folder / "params.yaml", {key.replace("__", "."): value for key, value in changes.items()})

    def json(self, path: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / path).read_text())
        return content

    def reset(self) -> None:
        """Go back to the last commit, results included."""
        self.git("reset", "-q", "--hard")
        self.run("dvc", "checkout", "-q", "--force", "--allow-missing")


def stages_run(output: str) -> set[str]:
    return set(re.findall(r"Running stage '([^']+)'", output))


def edit_params(path: Path, changes: dict[str, Any]) -> None:
    yaml = YAML()
    content = yaml.load(path)
    for place, value in changes.items():
        *parents, last = [int(part) if part.isdigit() else part for part in place.split(".")]
        section = content
        for part in parents:
            section = section[part]
        section[last] = value
    yaml.dump(content, path)


def make_project(folder: Path, changes: dict[str, Any]) -> Project:
    for name in COPIED:
        source, target = REPOSITORY / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, target)
    edit_params(folder / "params.yaml", {**TINY, **changes})
    project = Project(folder)
    project.git("init", "-q")
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "start")
    return project


def make_reproduced(project: Project, *targets: str) -> Project:
    """The project after its first ``dvc repro`` of some stages or all, all committed."""
    project.first_run = project.repro(*targets)
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "results")
    return project


@pytest.fixture(scope="session")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Project]:
    def make(**changes: Any) -> Project:
        named = {key.replace("__", "."): value for key, value in changes.items()}
        return make_project(tmp_path_factory.mktemp("project"), named)

    return make
