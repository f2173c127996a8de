"""The first screen says where one is and what comes next, from the files that are there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from thaw.cells import grid
from thaw.commands import COMMANDS
from thaw.commands.overview import Step, next_step, screen
from thaw.params.read import read_params
from thaw.params.schema import Params

ROOT = Path(__file__).parents[2]
REPRO, REPORT = "dvc repro", "reports/report.html"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """As after git clone."""
    (tmp_path / ".dvc").mkdir()
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    write(tmp_path, "reports/comparison.md")
    return tmp_path


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")


def train(folder: Path, count: int) -> None:
    params = read_params(*Params.model_fields, path=folder / "params.yaml")
    write(folder, *(f"{cell.model_folder}/weights.safetensors" for cell in grid(params)[:count]))


def test_elsewhere_it_says_that_this_is_no_repository(tmp_path: Path) -> None:
    step = next_step(tmp_path)
    assert step == Step("cd <thaw>", "you are not in a thaw repository: no .dvc, dvc.yaml, params.yaml here")


def test_wrong_parameters_come_first(repository: Path) -> None:
    text = (repository / "params.yaml").read_text().replace("optimizer: adamw", "optimizer: adamv")
    (repository / "params.yaml").write_text(text)
    step = next_step(repository)
    assert step.command == "mend params.yaml"
    assert step.reason.startswith("params.yaml: train.optimizer: 'adamv' is not allowed")


def test_after_a_clone_nothing_has_run(repository: Path) -> None:
    reason = "nothing has run here yet: efficientnet_lite0 on phantom, 3 trainings"
    assert next_step(repository) == Step(REPRO, reason)


def test_an_unfinished_run_goes_on(repository: Path) -> None:
    write(repository, "data/labels.csv")
    train(repository, 1)
    assert next_step(repository) == Step(REPRO, "1 of 3 trainings there; it goes on where it was")
    train(repository, 3)
    assert next_step(repository) == Step(REPRO, "all trainings are there, the report is not")


def test_a_finished_run_is_looked_at_until_the_parameters_change(repository: Path) -> None:
    write(repository, "data/labels.csv", REPORT)
    train(repository, 3)
    os.utime(repository / "params.yaml", (1_000_000, 1_000_000))
    assert next_step(repository).command == f"look at {REPORT}"
    os.utime(repository / REPORT, (900_000, 900_000))
    assert next_step(repository) == Step(REPRO, "params.yaml is newer than the report; what it changes is run")


def test_the_screen_is_short_and_dates_what_is_there(repository: Path) -> None:
    os.utime(repository / "reports/comparison.md", (1_795_000_000, 1_795_000_000))  # 2026-11-18
    write(repository, "models/efficientnet_lite0/full/0/weights.safetensors")
    train(repository, 2)
    lines = list(screen(repository))
    text = "\n".join(lines)
    assert all(f"  {command}  " in text for command in COMMANDS)
    assert "reports/comparison.md  (2026-11-18)  the same as text" in text
    assert "reports/report.html    not there     the page with the answer" in text
    assert "models/                2 of 3 trained, 1 packed for use elsewhere" in text
    assert len(text.splitlines()) <= 32
    assert max(map(len, text.splitlines())) <= 120
