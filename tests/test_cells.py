from __future__ import annotations

import sys
from pathlib import Path

import pytest

from thaw.cells import Cell, grid, subset_grid
from thaw.errors import UserError


def params(**changes: object) -> object:
    """Parameters of a grid, without the rest of params.yaml."""
    values = {"models": ["resnet18"], "seeds": [0], "folds": [], "subsets": [], "strategy": "full"}
    return type("Grid", (), {**values, "compared": ["frozen", "partial", "full"], **changes})


def test_the_selected_strategy_joins_those_compared_once() -> None:
    assert [cell.strategy for cell in grid(params())] == ["frozen", "partial", "full"]  # type: ignore[arg-type]
    joined = grid(params(compared=["frozen", "full", "frozen"], strategy="norm"))  # type: ignore[arg-type]
    assert [cell.strategy for cell in joined] == ["frozen", "full", "norm"]


def test_the_folds_of_a_seed_stand_beside_each_other_and_subsets_by_themselves() -> None:
    chosen = params(compared=["full"] * 3, seeds=[0, 7], folds=[2, 3], subsets=[2000, 500])
    assert [str(cell) for cell in grid(chosen)] == [  # type: ignore[arg-type]
        "resnet18-full-0", "resnet18-full.fold2-0", "resnet18-full.fold3-0",
        "resnet18-full-7", "resnet18-full.fold2-7", "resnet18-full.fold3-7",
    ]  # fmt: skip
    assert [str(cell) for cell in subset_grid(chosen)] == [  # type: ignore[arg-type]
        "resnet18-full.500-0", "resnet18-full.2000-0", "resnet18-full.500-7", "resnet18-full.2000-7",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "name", "folder"),
    [
        (Cell("resnet18", "full", 3), "resnet18-full-3", "resnet18/full/3"),
        (Cell("resnet18", "full", 3, fold=2), "resnet18-full.fold2-3", "resnet18/full.fold2/3"),
        (Cell("timm/resnet10t", "full", 3, subset=500), "timm/resnet10t-full.500-3", "timm/resnet10t/full.500/3"),
    ],
)
def test_a_cell_names_its_folders(cell: Cell, name: str, folder: str) -> None:
    assert str(cell) == name
    assert cell.model_folder == Path("models/trained", folder)
    assert cell.package_folder == Path("models", folder)
    assert cell.explain_folder == Path("reports/explain", folder)
    assert cell.train_folder == Path("reports/train", folder)
    assert cell.predict_folder == Path("reports/predict", folder)
    assert cell.evaluate_folder == Path("reports/evaluate", folder)


@pytest.mark.parametrize(
    ("words", "cell"),
    [
        ("resnet18 full 3", Cell("resnet18", "full", 3)),
        ("resnet18 full 3 --fold 2", Cell("resnet18", "full", 3, fold=2)),
        ("resnet18 full 3 --subset 500", Cell("resnet18", "full", 3, subset=500)),
    ],
)
def test_a_cell_is_read_from_the_command_line(words: str, cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train", *words.split()])
    assert Cell.from_arguments("help") == cell


def test_a_seed_that_is_no_number_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train", "resnet18", "full", "x"])
    with pytest.raises(UserError, match="the seed is 'x': give a whole number"):
        Cell.from_arguments("help")
