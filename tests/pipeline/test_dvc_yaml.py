"""What dvc.yaml declares against what the code does: modules imported, parameters read, cells made."""

from __future__ import annotations

import ast
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from thaw.cells import Cell

REPOSITORY = Path(__file__).parents[2]
SOURCE = REPOSITORY / "src"
CELL_STAGES = ("train", "predict", "evaluate")
PLAIN_CELL_STAGES = (*CELL_STAGES, "package", "explain")  # without folds and subsets
STAGES: dict[str, Any] = YAML(typ="safe").load(REPOSITORY / "dvc.yaml")["stages"]


def module_of(stage: str) -> str:
    """The script of a stage: ``train_fold`` and ``train_subset`` run ``train``."""
    return stage.removesuffix("_fold").removesuffix("_subset")


def file_of(module: str) -> Path | None:
    path = SOURCE.joinpath(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def imported(file: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {module for module in modules if module.split(".")[0] == "thaw"}


def closure(module: str) -> set[Path]:
    """All files of thaw that importing ``module`` runs, packages on the way included."""
    files: set[Path] = set()
    waiting = [module]
    while waiting:
        parts = waiting.pop().split(".")
        for length in range(1, len(parts) + 1):
            file = file_of(".".join(parts[:length]))
            if file is not None and file not in files:
                files.add(file)
                waiting.extend([] if says_nothing(file) else imported(file))
    return files


def says_nothing(file: Path) -> bool:
    """Whether a package's __init__ changes no result: it holds a docstring only, or thaw.load for users of a model."""
    return file == SOURCE / "thaw/__init__.py" or (
        file.name == "__init__.py" and len(ast.parse(file.read_text()).body) == 1
    )


def declared_files(stage: str) -> set[Path]:
    paths = [REPOSITORY / dep for dep in STAGES[stage]["deps"] if dep.startswith("src/")]
    return {file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path])}


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_the_modules_that_the_stage_imports(stage: str) -> None:
    needed = {file for file in closure(f"thaw.stages.{module_of(stage)}") if not says_nothing(file)}
    declared = {file for file in declared_files(stage) if not says_nothing(file)}
    assert {str(file) for file in needed - declared} == set(), "imported but not declared"
    assert {str(file) for file in declared - needed} == set(), "declared but not imported"


def read_sections(stage: str) -> tuple[set[str], set[str]]:
    """The sections that a stage asks ``read_params`` for, and those that it uses of what it gets."""
    tree = ast.parse((SOURCE / f"thaw/stages/{stage}.py").read_text())
    asked: set[str] = set()
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "read_params":
            asked |= {
                re.sub(r"\{.*\}", "*", ast.unparse(argument).removeprefix("f").strip("'\"")) for argument in node.args
            }
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            if owner == "params" or owner.startswith("read_params("):
                used.add(node.attr)
    return asked, used


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_those_that_the_stage_reads(stage: str) -> None:
    declared = {re.sub(r"\$\{.*\}", "*", name) for name in STAGES[stage]["params"]}
    asked, used = read_sections(module_of(stage))
    assert asked == declared
    # grid() and subset_grid() of compare read these names of the object that they are given
    used |= {"compared", "folds", "models", "seeds", "strategy", "subsets"} if stage == "compare" else set()
    assert {name.split(".")[0] for name in asked} <= used


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_a_script_that_says_what_it_does(stage: str) -> None:
    docstring = ast.get_docstring(ast.parse((SOURCE / f"thaw/stages/{module_of(stage)}.py").read_text()))
    assert docstring is not None
    assert docstring.startswith(f"{module_of(stage)}: ")
    assert all(word in docstring for word in ("\nReads ", "\nWrites ", "\nPromises "))


def resolved(folder: Path, **changes: Any) -> dict[str, Any]:
    """The stages that DVC makes of dvc.yaml and changed parameters, by name."""
    parameters = YAML(typ="safe").load(REPOSITORY / "params.yaml")
    YAML(typ="safe").dump(parameters | changes, folder / "params.yaml")
    shutil.copy(REPOSITORY / "dvc.yaml", folder)
    with Repo.init(str(folder), no_scm=True, force=True) as repo:
        return {stage.name: stage for stage in repo.index.stages}


GRID = {"models": ["resnet18"], "seeds": [0], "strategy": "norm", "compared": ["frozen", "full", "full"]}
ONCE = [
    "compare",
    "download",
    "embeddings",
    "gallery",
    "inspect",
    "labels",
    "preprocess",
    "probe@resnet18",
    "shortcuts",
    "split",
    "weights@resnet18",
]


def test_without_folds_and_subsets_every_strategy_is_one_cell(tmp_path: Path) -> None:
    cells = [f"{stage}@resnet18-{name}-0" for stage in PLAIN_CELL_STAGES for name in ("frozen", "full", "norm")]
    assert sorted(resolved(tmp_path, **GRID, folds=[], subsets=[])) == sorted([*ONCE, *cells])


def test_folds_and_subsets_are_further_cells_of_every_strategy(tmp_path: Path) -> None:
    stages = resolved(tmp_path, **GRID, folds=[2], subsets=[20])
    cells = [
        f"{stage}{kind}@resnet18-{name}-0{part}"
        for stage in CELL_STAGES
        for kind, part in (("", ""), ("_fold", "-2"), ("_subset", "-20"))
        for name in ("frozen", "full", "norm")
    ]
    once = [f"{stage}@resnet18-{name}-0" for stage in ("package", "explain") for name in ("frozen", "full", "norm")]
    assert sorted(stages) == sorted([*ONCE, *cells, *once])


def test_only_the_first_seed_is_explained(tmp_path: Path) -> None:
    stages = resolved(tmp_path, **{**GRID, "seeds": [7, 8]})
    assert sorted(name for name in stages if name.startswith("explain")) == [
        f"explain@resnet18-{name}-7" for name in ("frozen", "full", "norm")
    ]
    assert sum(name.startswith("package") for name in stages) == 6


@pytest.mark.parametrize(
    ("suffix", "cell"),
    [
        ("@resnet18-full-0", Cell("resnet18", "full", 0)),
        ("_fold@resnet18-full-0-2", Cell("resnet18", "full", 0, fold=2)),
        ("_subset@resnet18-full-0-20", Cell("resnet18", "full", 0, subset=20)),
    ],
)
def test_a_cells_stages_read_and_write_its_own_folders(suffix: str, cell: Cell, tmp_path: Path) -> None:
    stages = resolved(tmp_path, **GRID, folds=[2], subsets=[20])
    train, predict, evaluate = (stages[f"{stage}{suffix}"] for stage in CELL_STAGES)
    said = {(cell.predict_folder / name).as_posix() for name in ("predictions.csv", "training_set.json")}
    features = (cell.predict_folder / "features.npz").as_posix()
    measured = ("metrics.json", "details.json", "rule.json", "sets.csv")
    assert {str(out) for out in train.outs} == {cell.model_folder.as_posix(), cell.train_folder.as_posix()}
    assert {str(dep) for dep in predict.deps if str(cell.path) in str(dep)} == {cell.model_folder.as_posix()}
    assert {str(out) for out in predict.outs} == {*said, features}
    assert {str(dep) for dep in evaluate.deps if str(cell.path) in str(dep)} == {*said, cell.train_folder.as_posix()}
    assert {str(out) for out in evaluate.outs} == {(cell.evaluate_folder / name).as_posix() for name in measured}
    for stage in (train, predict, evaluate):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", stage.cmd.split()[2:])
            assert Cell.from_arguments(None) == cell


def test_another_set_is_brought_in_once_and_every_cell_tested_on_it(tmp_path: Path) -> None:
    parameters = YAML(typ="safe").load(REPOSITORY / "params.yaml")
    other = {"name": "clinic", "dataset": "covid", "path": "clinic.zip", "classes": {"Pneumonia": ["COVID-19"]}}
    stages = resolved(tmp_path, **GRID, evaluate={**parameters["evaluate"], "external": [other]})
    found = [stage for name, stage in stages.items() if name.startswith("external")]
    assert sorted(stage.cmd.removeprefix("python -m thaw.stages.") for stage in found) == [
        "external resnet18 frozen 0 clinic", "external resnet18 full 0 clinic", "external resnet18 norm 0 clinic",
        "external_data clinic",
    ]  # fmt: skip
    folder = Cell("resnet18", "norm", 0).external_folder("clinic").as_posix()
    assert folder in {str(out) for stage in found for out in stage.outs}
    assert [str(dep) for stage in found for dep in stage.deps].count("clinic.zip") == 1


def test_what_a_cell_depends_on_is_the_same_with_and_without_fold_and_subset() -> None:
    own = ("models/trained/", "reports/train", "reports/predict")
    for stage in CELL_STAGES:
        sources = [
            {dep for dep in STAGES[name]["deps"] if not dep.startswith(own)}
            for name in (stage, f"{stage}_fold", f"{stage}_subset")
        ]
        assert sources[0] == sources[1] == sources[2]


def test_no_output_but_downloads_survives_a_rerun_and_run_caches_are_kept() -> None:
    """``persist``, and uncached outs anywhere but in compare, would switch DVC's run cache off."""
    allowed = {"compare": {"cache": False}, "download": {"cache": False, "persist": True}}
    for name, stage in STAGES.items():
        for out in stage["outs"]:
            options = next(iter(out.values())) if isinstance(out, dict) else {}
            assert not options or options == allowed.get(name), (name, out)


def test_the_library_never_imports_a_stage() -> None:
    library = [file for file in SOURCE.rglob("*.py") if "stages" not in file.parts]
    assert not [file for file in library if any(name.startswith("thaw.stages") for name in imported(file))]
