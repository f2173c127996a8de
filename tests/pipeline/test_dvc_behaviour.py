"""DVC runs for real on a tiny phantom: what reruns, what does not, and what is left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from .conftest import MODEL, TOGETHER, Project, cells, every_stage, make_reproduced

pytestmark = pytest.mark.pipeline

THREE = ("frozen", "partial", "full")
MEASURED = {"seconds", "images_per_second", "memory_gib"}
# the images that are shown change with the first and the last strategy compared, and then all cells are explained again
EXPLAINED = cells("explain", *THREE)
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


@pytest.fixture(scope="module")
def reproduced(new_project: Callable[..., Project]) -> Project:
    """A project after its first ``dvc repro``, all committed."""
    return make_reproduced(new_project())


@pytest.fixture
def project(reproduced: Project) -> Project:
    """The same, as committed, for each test."""
    reproduced.reset()
    return reproduced


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
    project.set(split__train=0.6, split__val=0.25)
    last = [*cells("evaluate", "frozen"), "inspect", "shortcuts"]
    own = {name for stage in ("train", "predict", "evaluate") for name in cells(stage, "frozen")}
    assert project.repro(*last) == {"split", "inspect", "shortcuts"} | own


def test_a_changed_module_reruns_just_the_stages_that_import_it(project: Project) -> None:
    edit(project, "src/thaw/evaluation/metrics.py", '"""Metrics of one set', '"""Metrics of a set')
    # compare computes metrics too, of pooled folds; what is shown is chosen by decisions; the model card has its words
    # from the report
    directly = cells("evaluate", *THREE) | cells("package", *THREE) | EXPLAINED | TOGETHER
    assert project.changed() == directly
    project.reset()
    edit(project, "src/thaw/splitting/summary.py", "from __future__", "# changed\nfrom __future__")
    assert project.repro() == {"split", "inspect", "shortcuts"}


def test_a_strategy_dropped_from_the_grid_is_gone_from_the_table(project: Project) -> None:
    project.set(compared=["frozen", "full", "full"])
    assert project.repro() == TOGETHER
    assert set(table(project).index) == {"frozen", "full"}


def without_measured(metrics: Any) -> Any:
    return {name: value for name, value in metrics.items() if name not in MEASURED}


def test_two_runs_from_scratch_give_the_same_bits(project: Project, new_project: Callable[..., Project]) -> None:
    other = new_project()
    other.repro(*cells("evaluate", "full"))
    metrics = f"reports/evaluate/{MODEL}/full/0/metrics.json"
    assert without_measured(project.json(metrics)) == without_measured(other.json(metrics))
    weights = f"models/trained/{MODEL}/full/0/weights.safetensors"
    for name in ("data/labels.csv", "data/split.csv", "data/images.npy", weights):
        assert (project.folder / name).read_bytes() == (other.folder / name).read_bytes()


def test_a_wrong_parameter_ends_in_one_line_before_any_work(new_project: Callable[..., Project]) -> None:
    project = new_project(train__optimizer="adamv")
    done = project.run("dvc", "repro", check=False)
    assert done.returncode != 0
    line = "thaw: params.yaml: train.optimizer: 'adamv' is not allowed; use one of adamw, adam, sgd"
    assert f"{line} (did you mean 'adam'?)" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    assert not (project.folder / "data/labels.csv").exists()


def test_a_stage_can_be_run_alone(project: Project) -> None:
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
