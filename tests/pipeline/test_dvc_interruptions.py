"""Runs of DVC that are killed, interrupted, or broken off by a loss that diverges: what is kept, what comes next."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pandas as pd
import pytest

from .conftest import MODEL, Project, cells, make_reproduced

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def trained(new_project: Callable[..., Project]) -> Project:
    return make_reproduced(new_project(), *cells("evaluate", "full"))


@pytest.fixture
def project(trained: Project) -> Project:
    """One strategy trained and evaluated, as committed, for each test."""
    trained.reset()
    return trained


def kill_while_training(project: Project) -> None:
    """Start ``dvc repro`` and kill it with all its children once the first epoch has been logged."""
    log = project.folder / f"reports/train/{MODEL}/full/0/metrics.json"
    log.unlink()  # of the run before
    environment = {**os.environ, "PYTHONPATH": str(project.folder / "src")}
    process = subprocess.Popen(
        ["dvc", "repro", *cells("evaluate", "full")], cwd=project.folder, env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not (log.exists() and log.read_text()) and time.monotonic() < deadline:
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_killed_run_leaves_nothing_that_the_next_one_trips_over(project: Project) -> None:
    weights = project.folder / f"models/trained/{MODEL}/full/0/weights.safetensors"
    project.set(strategies__full__0__epochs=50)
    kill_while_training(project)
    assert not weights.exists()
    assert (project.folder / f"models/.unfinished/{MODEL}/full/0/state.pt").is_file()
    project.set(strategies__full__0__epochs=2)
    stages = {name for stage in ("train", "predict", "evaluate") for name in cells(stage, "full")}
    assert project.repro(*cells("evaluate", "full")) == stages
    assert weights.is_file()
    assert project.json(f"reports/train/{MODEL}/full/0/cost.json")["epochs"] == 2
    assert not list(project.folder.rglob("*.part"))
    assert not (project.folder / "models/.unfinished").exists()


def test_a_killed_training_goes_on_where_it_was(project: Project) -> None:
    """The epochs before the kill are not trained again, and the weights are those of an undisturbed run."""
    project.set(strategies__full__0__epochs=6)
    kill_while_training(project)
    assert (project.folder / f"models/.unfinished/{MODEL}/full/0/state.pt").is_file()
    project.repro(f"train@{MODEL}-full-0")
    history = pd.read_csv(project.folder / f"reports/train/{MODEL}/full/0/history.csv")
    assert history["epoch"].max() == 6
    resumed = (project.folder / f"models/trained/{MODEL}/full/0/weights.safetensors").read_bytes()
    project.run("dvc", "repro", "-f", "-s", f"train@{MODEL}-full-0")
    assert (project.folder / f"models/trained/{MODEL}/full/0/weights.safetensors").read_bytes() == resumed


def test_an_interrupted_training_ends_cleanly_and_says_what_is_kept(project: Project) -> None:
    project.set(strategies__full__0__epochs=50)
    log = project.folder / f"reports/train/{MODEL}/full/0/metrics.json"
    log.unlink()
    process = subprocess.Popen(
        [sys.executable, "-m", "thaw.stages.train", MODEL, "full", "0"], cwd=project.folder, text=True,
        env={**os.environ, "PYTHONPATH": str(project.folder / "src")}, stderr=subprocess.PIPE,
    )  # fmt: skip
    while not (log.exists() and log.read_text()):
        assert process.poll() is None, "the training ended before it could be interrupted"
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert re.fullmatch(rf"{MODEL}-full-0: \d+ epochs are kept; dvc repro goes on there\nthaw: interrupted\n", errors)


def test_a_loss_that_diverges_keeps_the_best_weights(project: Project) -> None:
    project.set(strategies__progressive__1__lr=1e30)
    done = project.run(sys.executable, "-m", "thaw.stages.train", MODEL, "progressive", "0", check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert re.search(r"the loss is \S+ (in|after) epoch 2.*the best weights so far, of epoch 1, are in models/", line)
    assert project.json(f"models/trained/{MODEL}/progressive/0/model.json")["best_epoch"] == 1
