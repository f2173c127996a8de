"""Every published set-up through the true stages, on a handful of drawn X-rays in the layout of its dataset."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image
from ruamel.yaml import YAML

from thaw.cells import Cell, grid, subset_grid
from thaw.commands import recipe as command
from thaw.files import read_json
from thaw.params.read import read_params
from thaw.params.schema import Params
from thaw.phantom import draw_cohort
from thaw.stages import compare, evaluate, labels, predict, preprocess, probe, shortcuts, split, train, weights

from .conftest import REPOSITORY, edit_params

pytestmark = pytest.mark.pipeline
IMAGES, SIZE_PX = 60, 32
RECIPES = sorted(path.stem for path in (REPOSITORY / "recipes").glob("*.yaml"))
SECTIONS = ("models", "seeds", "folds", "subsets", "strategy", "compared", "strategies")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    draw_cohort(folder, IMAGES, 64, 0)
    return folder


def as_nih(drawn: Path, target: Path) -> None:
    """NIH's own layout, which the phantom has, with the official lists."""
    shutil.copytree(drawn, target)
    table = pd.read_csv(next(target.glob("Data_Entry*.csv")))
    names, patients = table["Image Index"], table["Patient ID"]
    tested = patients.isin(sorted(set(patients))[::4])
    for name, chosen in (("test_list.txt", tested), ("train_val_list.txt", ~tested)):
        (target / name).write_text("\n".join(names[chosen]))


def as_kaggle(drawn: Path, target: Path) -> None:
    """The folders and file names of the pneumonia set."""
    for number, path in enumerate(sorted(drawn.rglob("*.png"))):
        name = f"NORMAL/IM-{number:04d}-0001.jpeg" if number % 3 else f"PNEUMONIA/person{number}_bacteria_1.jpeg"
        save(path, target / "chest_xray/train" / name)


def as_three_classes(drawn: Path, target: Path) -> None:
    for number, path in enumerate(sorted(drawn.rglob("*.png"))):
        kind = ("NORMAL", "PNEUMONIA", "TUBERCULOSIS")[number % 3]
        save(path, target / kind / f"{kind.lower()}-{number}.jpeg")


def save(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.open(source).convert("L").save(target)


LAYOUTS = {"nih": as_nih, "pneumonia": as_kaggle, "tuberculosis": as_three_classes, "phantom": as_nih}


def run(monkeypatch: pytest.MonkeyPatch, stage: Callable[[], None], *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["stage", *map(str, arguments)])
    stage()


def options(cell: Cell) -> list[object]:
    fold = [] if cell.fold is None else ["--fold", cell.fold]
    return [cell.model, cell.strategy, cell.seed, *fold, *([] if cell.subset is None else ["--subset", cell.subset])]


def shrunk(params: dict[str, Any]) -> dict[str, Any]:
    """A recipe's parameters with everything that takes time made small, and no download."""
    changes: dict[str, Any] = {f"weights.{model}": "none" for model in params["models"]}
    changes |= {"dataset.download": None, "dataset.subset": None, "dataset.path": "data/raw/set", "train.batch_size": 8}
    changes |= {"preprocess.size": SIZE_PX, "preprocess.crop_from": None, "train.precision": "fp32"}
    changes |= {"evaluate.resamples": 100, "evaluate.conformal.repeats": 5}
    changes["subsets"] = [10, 20][: len(params["subsets"])]
    for name in {*params["compared"], params["strategy"]}:
        for place, _ in enumerate(params["strategies"][name]):
            changes[f"strategies.{name}.{place}.epochs"] = 1
    return changes


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_goes_through_all_stages(
    name: str, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(REPOSITORY / "recipes", tmp_path / "recipes")
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    command.main([name])
    applied = YAML(typ="safe").load(Path("params.yaml"))
    LAYOUTS[applied["dataset"]["name"]](drawn, tmp_path / "data/raw/set")
    edit_params(tmp_path / "params.yaml", shrunk(applied))
    params: Params = read_params(*SECTIONS)
    for stage in (labels, split, preprocess, shortcuts):
        run(monkeypatch, stage.main)
    for model in params.models:
        run(monkeypatch, weights.main, model)
        run(monkeypatch, probe.main, model)
    for cell in [*grid(params), *subset_grid(params)]:
        run(monkeypatch, train.main, *options(cell))
        run(monkeypatch, predict.main, *options(cell))
        run(monkeypatch, evaluate.main, *options(cell))
    run(monkeypatch, compare.main)
    table = pd.read_csv("reports/comparison.csv")
    cells = {(model, strategy) for model in params.models for strategy in params.compared}
    assert set(table[["model", "strategy"]].itertuples(index=False, name=None)) == cells
    headline = table[(table["model"] == params.models[0]) & (table["strategy"] == params.strategy)].iloc[0]
    assert read_json(Path("reports/metrics.json"))["seconds"] == pytest.approx(headline["seconds"], abs=0.01)
    assert not Path("models/.unfinished").exists()
