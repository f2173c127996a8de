from __future__ import annotations

from pathlib import Path

from thaw.cells import Cell, grid
from thaw.params.read import read_params

ROOT = Path(__file__).parents[1]


def test_the_selected_strategy_joins_the_grid_once() -> None:
    params = read_params("models", "seeds", "strategy", path=ROOT / "params.yaml")
    cells = grid(params, ["frozen", "full"])
    assert cells == [Cell(params.models[0], name, 0) for name in ("frozen", "full")]
    assert grid(params, ["frozen"])[-1].strategy == params.strategy


def test_a_cell_names_its_folders() -> None:
    cell = Cell("resnet18", "full", 3)
    assert str(cell) == "resnet18-full-3"
    assert cell.model_folder.as_posix() == "models/resnet18/full/3"
    assert cell.evaluate_folder.as_posix() == "reports/evaluate/resnet18/full/3"
