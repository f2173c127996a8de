"""The compare stage on files written by hand: the cells of the grid and no others, and clear errors."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ruamel.yaml import YAML

from tests.report.made import NO_SHORTCUTS, covariates, evaluate_params
from thaw.cells import Cell
from thaw.errors import UserError
from thaw.evaluation.assessment import assess
from thaw.evaluation.predictions import Predictions
from thaw.evaluation.rounding import rounded
from thaw.files import read_csv, write_csv
from thaw.stages import compare

REPOSITORY = Path(__file__).parents[2]
CLASSES = ["<b>|x", "Mass"]
AUROC = {"frozen": 0.7, "full": 0.8, "progressive": 0.9, "partial": 0.1}
HISTORY = "epoch,phase,split,loss,accuracy,auroc_macro,learning_rate,images_per_second,peak_memory_gib\n"


def write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_predictions(folder: Path, cell: Cell) -> None:
    """Three test images a fold: the first has the first class, and in fold 1 alone the highest logit."""
    fold = cell.fold or 1
    rows = [
        f"{fold}{name}.png,{fold}{name},{split}" for name, split in zip("vabc", ("val", *["test"] * 3), strict=True)
    ]
    logits = (0, 3, 2, 1) if fold == 1 else (0, 2, 2, 3)
    labelled = [f"{row},{int(row[1] == 'a')},0,{logit},0" for row, logit in zip(rows, logits, strict=True)]
    columns = ",".join(["image,patient,split", *(f"{kind}_{name}" for kind in ("label", "logit") for name in CLASSES)])
    path = folder / cell.predict_folder / "predictions.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([columns, *labelled]) + "\n")
    made = Predictions.of_table(read_csv(path), CLASSES, "multilabel")
    found = assess(made, made, covariates(made), evaluate_params())
    write(folder / cell.evaluate_folder / "details.json", rounded(found.details))
    known = dict(zip(made.images, covariates(made).to_dict("records"), strict=True))
    labels = folder / "data/labels.csv"
    if labels.is_file():
        known |= {row["image"]: row for row in read_csv(labels).to_dict("records")}
    write_csv(labels, pd.DataFrame(known.values()))


def write_cell(folder: Path, cell: Cell) -> None:
    value = AUROC[cell.strategy] + 0.02 * cell.seed
    cost = {"seconds": 10.0, "images_per_second": 7.0, "memory_gib": 1.0, "parameters": 1000, "trainable": 10}
    by_class = {name: {"<b>|x": value, "Mass": None} for name in ("auroc", "precision", "recall", "f1")}
    metrics = {"auroc_macro": value, "f1_macro": 0.5, "accuracy": 0.6, **by_class, **cost}
    metrics |= dict.fromkeys(("auroc_macro_low", "auroc_macro_high", "average_precision_macro", "f1_macro_fitted"))
    metrics |= {"train_images": cell.subset or 14, "patient_overlap": 0.0, "calibration_error": 0.1}
    write(folder / cell.evaluate_folder / "metrics.json", metrics)
    write_predictions(folder, cell)
    made = {"device": "cpu", "precision": "fp32", "best_epoch": 1, "epochs": 1, "blocks": []}
    write(folder / cell.train_folder / "cost.json", {**cost, **made})
    rows = "".join(f"1,1,{split},0.5,0.6,,0.01,30,1\n" for split in ("train", "val"))
    (folder / cell.train_folder / "history.csv").write_text(HISTORY + rows)


def select(folder: Path, strategy: str, folds: tuple[int, ...] = (), subsets: tuple[int, ...] = ()) -> None:
    """Use the repository's own parameters with two seeds, five folds and this strategy."""
    content = YAML(typ="safe").load(REPOSITORY / "params.yaml")
    grid = {"models": ["efficientnet_lite0"], "seeds": [0, 1], "folds": list(folds), "subsets": list(subsets)}
    content |= {**grid, "strategy": strategy, "compared": ["frozen", "full", "full"]}
    content["split"]["folds"] = 5
    YAML(typ="safe").dump(content, folder / "params.yaml")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder as it is before compare runs, with the cells of a strategy that is not in the grid."""
    select(tmp_path, "full")
    limits = {"synthetic": True, "notices": ["Drawn."]}
    write(
        tmp_path / "data/dataset.json",
        {
            "name": "phantom",
            "title": "Phantom X-rays",
            "task": "multilabel",
            "classes": CLASSES,
            "images": 20,
            "patients": 11,
            **limits,
        },
    )
    splits = {"train": {"patients": 7, "images": 14}, "val": {"patients": 2, "images": 3}}
    splits["test"] = {"patients": 2, "images": 3}
    write(tmp_path / "reports/split.json", {"by": "patient", "seed": 0, "splits": splits})
    write(tmp_path / "reports/shortcuts.json", NO_SHORTCUTS)
    for strategy in AUROC:
        for seed in (0, 1):
            write_cell(tmp_path, Cell("efficientnet_lite0", strategy, seed))
    return tmp_path


@pytest.fixture
def run_stage(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Runs the stage in the project without drawing; returns what the terminal shows."""

    def run() -> str:
        with monkeypatch.context() as patch:
            patch.chdir(project)
            patch.setattr(sys, "argv", ["compare"])
            patch.setattr(compare, "write_figures", lambda *_: None)
            compare.main()
        return capsys.readouterr().out

    return run


def command(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "thaw.stages.compare", *arguments]
    return subprocess.run(line, cwd=project, capture_output=True, text=True, check=False)


def test_compare_writes_tables_page_and_figures(project: Path) -> None:
    done = command(project)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(project / "reports/comparison.csv")
    assert table[["strategy", "seeds", "auroc_macro"]].to_numpy().tolist() == [["frozen", 2, 0.71], ["full", 2, 0.81]]
    metrics = json.loads((project / "reports/metrics.json").read_text())
    assert metrics["auroc_macro"] == 0.81
    assert "auroc" not in metrics
    assert len(pd.read_csv(project / "reports/curves.csv")) == 8
    assert "strategies.png" in {path.name for path in (project / "reports/figures").iterdir()}
    page = (project / "reports/comparison.md").read_text()
    assert "Phantom X-rays (synthetic)" in page
    assert "because undefined (no test image with it, or none without it): Mass." in page


def test_the_terminal_shows_the_table_and_where_the_page_lies(run_stage: Callable[[], str]) -> None:
    shown = run_stage()
    assert "full (selected)" in shown
    assert "nothing to compare" not in shown
    assert "frozen is the cheapest" in shown
    assert "reports/comparison.md" in shown


def test_a_strategy_outside_the_list_joins_when_selected_and_leaves_when_not(
    project: Path, run_stage: Callable[[], str]
) -> None:
    select(project, "progressive")
    run_stage()
    assert "progressive" in (project / "reports/comparison.csv").read_text()
    assert json.loads((project / "reports/metrics.json").read_text())["auroc_macro"] == 0.91
    select(project, "frozen")
    run_stage()
    for name in ("comparison.csv", "comparison.md", "curves.csv"):
        text = (project / "reports" / name).read_text()
        assert "frozen" in text
        assert "progressive" not in text
        assert "partial" not in text
    assert json.loads((project / "reports/metrics.json").read_text())["auroc_macro"] == 0.71


@pytest.mark.parametrize(
    "name",
    [
        "data/dataset.json", "data/labels.csv", "reports/shortcuts.json", "reports/split.json",
        "reports/evaluate/efficientnet_lite0/full/1/metrics.json",
        "reports/evaluate/efficientnet_lite0/full/1/details.json",
        "reports/predict/efficientnet_lite0/full/1/predictions.csv",
        "reports/train/efficientnet_lite0/full/1/cost.json", "reports/train/efficientnet_lite0/full/1/history.csv",
    ],
)  # fmt: skip
def test_a_missing_file_is_an_error_that_names_it(project: Path, run_stage: Callable[[], str], name: str) -> None:
    (project / name).unlink()
    with pytest.raises(UserError, match=f"^{re.escape(name)} is missing; run dvc repro$"):
        run_stage()
    assert not (project / "reports/metrics.json").exists()


def test_folds_are_pooled_and_the_page_says_so(project: Path, run_stage: Callable[[], str]) -> None:
    select(project, "full", folds=(2,))
    splits = json.loads((project / "reports/split.json").read_text())
    part = {"images": 4, "patients": 4, "share": 0.2, "prevalence": {}}
    write(project / "reports/split.json", {**splits, "folds": [part] * 5})
    for strategy in ("frozen", "full"):
        for seed in (0, 1):
            write_cell(project, Cell("efficientnet_lite0", strategy, seed, fold=2))
    run_stage()
    # pairs of a positive (3, 2) and a negative (2, 1, 2, 3): 3.5 + 2 of 8; the mean over folds would be 0.625
    table = pd.read_csv(project / "reports/comparison.csv")
    assert table[["auroc_macro", "folds"]].to_numpy().tolist() == [[0.6875, 2], [0.6875, 2]]
    page = (project / "reports/comparison.md").read_text()
    assert "- 2 of 5 folds, out-of-fold predictions pooled: the figures rest on 8 of 20 images (40%)" in page
    assert json.loads((project / "reports/metrics.json").read_text())["auroc_macro"] == 0.6875


def test_folds_that_the_split_has_not_are_one_line(project: Path, run_stage: Callable[[], str]) -> None:
    select(project, "full", folds=(2,))
    with pytest.raises(UserError, match=r"^reports/split\.json does not hold the folds that params\.yaml names"):
        run_stage()


def test_subsets_are_beside_the_comparison_not_in_it(project: Path, run_stage: Callable[[], str]) -> None:
    select(project, "full", subsets=(10,))
    for strategy, value in (("frozen", 0.75), ("full", 0.65)):
        for seed in (0, 1):
            cell = Cell("efficientnet_lite0", strategy, seed, subset=10)
            write_cell(project, cell)
            path = project / cell.evaluate_folder / "metrics.json"
            write(path, {**json.loads(path.read_text()), "auroc_macro": value})
    run_stage()
    assert pd.read_csv(project / "reports/comparison.csv")["auroc_macro"].tolist() == [0.71, 0.81]
    page = (project / "reports/comparison.md").read_text()
    assert "efficientnet_lite0: frozen and full cross at about 12 training images" in page


def test_cells_that_test_other_images_are_refused(project: Path, run_stage: Callable[[], str]) -> None:
    predictions = project / "reports/predict/efficientnet_lite0/full/1/predictions.csv"
    predictions.write_text(predictions.read_text().replace("1a.png", "other.png"))
    with pytest.raises(
        UserError, match=r"full/1/predictions\.csv tests other images than .*frozen/0 does; run dvc repro"
    ):
        run_stage()


def test_help_says_what_is_read_and_written(project: Path) -> None:
    done = command(project, "--help")
    assert done.returncode == 0
    assert "reports/metrics.json" in done.stdout


def test_two_runs_write_the_same_bytes(project: Path, run_stage: Callable[[], str]) -> None:
    names = [
        Path("reports", name)
        for name in ("metrics.json", "comparison.csv", "comparison.md", "curves.csv", "statistics.json")
    ]
    run_stage()
    first = [(project / name).read_bytes() for name in names]
    run_stage()
    assert [(project / name).read_bytes() for name in names] == first
