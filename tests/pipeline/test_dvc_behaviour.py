"""DVC runs for real on a tiny phantom: what reruns, what does not, and what is left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from .conftest import Project

pytestmark = pytest.mark.pipeline

MODEL = "efficientnet_lite0"
THREE = ("frozen", "partial", "full")
MEASURED = {"seconds", "images_per_second", "memory_gib"}


def cells(stage: str, *strategies: str) -> set[str]:
    return {f"{stage}@{MODEL}-{strategy}-0" for strategy in strategies}


def every_stage(*strategies: str) -> set[str]:
    stages = ("train", "predict", "evaluate", "package", "explain")
    return {name for stage in stages for name in cells(stage, *strategies)}


# what is made of all cells together; the images that are shown change with the first and the last strategy compared,
# and then all cells are explained again
TOGETHER, EXPLAINED = {"gallery", "embeddings", "compare"}, cells("explain", *THREE)
ALL = {
    "download",
    "labels",
    "split",
    "preprocess",
    "inspect",
    "shortcuts",
    f"weights@{MODEL}",
    f"probe@{MODEL}",
    *every_stage(*THREE),
    *TOGETHER,
}


def table(project: Project) -> pd.DataFrame:
    return pd.read_csv(project.folder / "reports/comparison.csv").set_index("strategy")


def edit(project: Project, path: str, old: str, new: str) -> None:
    file = project.folder / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_the_first_run_runs_everything_and_the_second_nothing(project: Project) -> None:
    assert project.first_run == ALL
    assert project.repro() == set()


def test_git_is_clean_after_a_run_but_for_the_lock_and_the_committed_reports(
    new_project: Callable[..., Project],
) -> None:
    project = new_project()
    project.repro("split", "preprocess", "weights")
    assert project.git("status", "--short", "--untracked-files=all").split() == ["??", "dvc.lock"]


def test_the_committed_reports_are_the_small_tables(project: Project) -> None:
    committed = set(project.git("ls-files", "reports", "data", "models").split())
    metrics = {f"reports/evaluate/{MODEL}/{strategy}/0/metrics.json" for strategy in THREE}
    tables = {f"reports/{name}" for name in ("metrics.json", "comparison.csv", "comparison.md", "README.md")}
    assert committed == {"data/README.md", "data/lists/README.md", "models/README.md", *tables, *metrics}


def test_a_changed_rate_reruns_that_strategy_alone_and_setting_it_back_trains_nothing(project: Project) -> None:
    before = table(project)
    ran = project.experiment("strategies.partial.0.lr=0.0005")
    assert ran == every_stage("partial") | TOGETHER
    assert table(project).loc["frozen"].equals(before.loc["frozen"])
    project.git("checkout", "params.yaml")
    assert project.repro() <= {"compare"}
    pd.testing.assert_frame_equal(table(project), before)


def test_another_headline_reruns_compare_alone_and_metrics_diff_shows_it(project: Project) -> None:
    assert project.experiment("strategy=frozen") == {"compare"}
    changes = json.loads(project.run("dvc", "metrics", "diff", "--json").stdout)["reports/metrics.json"]
    trainable = table(project)["trainable"]
    assert (changes["trainable"]["old"], changes["trainable"]["new"]) == (trainable["full"], trainable["frozen"])


def test_a_strategy_outside_the_grid_is_trained_alone_when_it_is_selected(project: Project) -> None:
    ran = project.experiment("strategy=progressive")
    assert ran == every_stage("progressive") | TOGETHER
    assert set(table(project).index) == {*THREE, "progressive"}


def test_another_split_reruns_all_below_it_but_decodes_nothing_again(project: Project) -> None:
    ran = project.experiment("split.train=0.6", "split.val=0.25", "compared=[frozen,full,full]")
    above = {"download", "labels", "preprocess", f"weights@{MODEL}", f"probe@{MODEL}"}
    assert ran == ALL - above - every_stage("partial")


def test_a_changed_module_reruns_just_the_stages_that_import_it(project: Project) -> None:
    edit(project, "src/thaw/evaluation/metrics.py", '"""Metrics of one set', '"""Metrics of a set')
    # compare computes metrics too, of pooled folds; what is shown is chosen by decisions; the model card has its words
    # from the report
    assert project.repro() == {*cells("evaluate", *THREE), *cells("package", *THREE), *TOGETHER, *EXPLAINED}
    edit(project, "src/thaw/splitting/summary.py", "from __future__", "# changed\nfrom __future__")
    assert project.repro() == {"split", "inspect", "shortcuts"}


def test_a_strategy_dropped_from_the_grid_is_gone_from_the_table(project: Project) -> None:
    project.set(compared=["frozen", "full", "full"])
    assert project.repro() == TOGETHER
    assert set(table(project).index) == {"frozen", "full"}


def without_measured(metrics: Any) -> Any:
    return {name: value for name, value in metrics.items() if name not in MEASURED}


def test_two_runs_from_scratch_give_the_same_bits(project: Project, new_project: Callable[..., Project]) -> None:
    other = new_project(compared=["frozen", "full", "full"])
    other.repro(*cells("evaluate", "frozen", "full"))
    for strategy in ("frozen", "full"):
        weights = f"models/trained/{MODEL}/{strategy}/0/weights.safetensors"
        assert (project.folder / weights).read_bytes() == (other.folder / weights).read_bytes()
        metrics = f"reports/evaluate/{MODEL}/{strategy}/0/metrics.json"
        assert without_measured(project.json(metrics)) == without_measured(other.json(metrics))
    for name in ("data/labels.csv", "data/split.csv", "data/images.npy"):
        assert (project.folder / name).read_bytes() == (other.folder / name).read_bytes()


def kill_while_training(project: Project) -> None:
    """Start ``dvc repro`` and kill it with all its children once the first epoch has been logged."""
    log = project.folder / f"reports/train/{MODEL}/full/0/metrics.json"
    log.unlink()  # of the run before
    environment = {**os.environ, "PYTHONPATH": str(project.folder / "src")}
    process = subprocess.Popen(
        ["dvc", "repro"], cwd=project.folder, env=environment, start_new_session=True,
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
    assert project.repro() - EXPLAINED == (every_stage("full") | TOGETHER) - EXPLAINED
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


def test_a_wrong_parameter_ends_in_one_line_before_any_work(new_project: Callable[..., Project]) -> None:
    project = new_project(train__optimizer="adamv")
    done = project.run("dvc", "repro", check=False)
    assert done.returncode != 0
    line = "thaw: params.yaml: train.optimizer: 'adamv' is not allowed; use one of adamw, adam, sgd"
    assert f"{line} (did you mean 'adam'?)" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    assert not (project.folder / "data/labels.csv").exists()


def test_every_stage_can_be_run_alone_and_explains_itself(project: Project) -> None:
    stages = {stage.partition("@")[0] for stage in ALL}
    for stage in stages:
        done = project.run("python", "-m", f"thaw.stages.{stage}", "--help")
        assert "Promises" in done.stdout
    assert project.repro("-f", "-s", "split") == {"split"}


def test_metrics_and_plots_show_every_cell_and_the_headline(project: Project) -> None:
    shown = json.loads(project.run("dvc", "metrics", "show", "--json").stdout)[""]["data"]
    assert set(shown) == {
        "reports/metrics.json",
        *(f"reports/evaluate/{MODEL}/{name}/0/metrics.json" for name in THREE),
    }
    for content in shown.values():
        keys = {"auroc_macro", "f1_macro", "f1_macro_fitted", "accuracy", *MEASURED, "parameters", "trainable"}
        assert keys <= set(content["data"])
        assert not any(isinstance(value, dict) for value in content["data"].values())
    plots = project.run("dvc", "plots", "show", "--json").stdout
    assert all(f"{MODEL}-{name}-0" in plots for name in THREE)
