"""What dvc.yaml declares against what the code does: modules imported, parameters read, strategies compared."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

REPOSITORY = Path(__file__).parents[2]
SOURCE = REPOSITORY / "src"
STAGES: dict[str, Any] = YAML(typ="safe").load(REPOSITORY / "dvc.yaml")["stages"]


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
                waiting.extend(imported(file))
    return files


def says_nothing(file: Path) -> bool:
    """Whether a package's __init__ holds a docstring only, so that a change of it changes no result."""
    return file.name == "__init__.py" and len(ast.parse(file.read_text()).body) == 1


def declared_files(stage: str) -> set[Path]:
    paths = [REPOSITORY / dep for dep in STAGES[stage]["deps"] if dep.startswith("src/")]
    return {file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path])}


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_the_modules_that_the_stage_imports(stage: str) -> None:
    needed = {file for file in closure(f"thaw.stages.{stage}") if not says_nothing(file)}
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
            asked |= {re.sub(r"\{.*\}", "*", ast.unparse(argument).strip("f'\"")) for argument in node.args}
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            if owner == "params" or owner.startswith("read_params("):
                used.add(node.attr)
    return asked, used


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_those_that_the_stage_reads(stage: str) -> None:
    declared = {re.sub(r"\$\{.*\}", "*", name) for name in STAGES[stage]["params"]}
    asked, used = read_sections(stage)
    assert asked == declared
    # grid() of compare reads the same three names of the object that it is given
    used |= {"models", "seeds", "strategy"} if stage == "compare" else set()
    assert {name.split(".")[0] for name in asked} <= used


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_a_script_that_says_what_it_does(stage: str) -> None:
    docstring = ast.get_docstring(ast.parse((SOURCE / f"thaw/stages/{stage}.py").read_text()))
    assert docstring is not None
    assert docstring.startswith(f"{stage}: ")
    assert all(word in docstring for word in ("\nReads ", "\nWrites ", "\nPromises "))


def test_compare_names_the_strategies_of_the_grid() -> None:
    listed = [name for name in STAGES["train"]["matrix"]["strategy"] if not name.startswith("${")]
    assert STAGES["compare"]["cmd"].split()[3:] == listed
    assert STAGES["evaluate"]["matrix"] == STAGES["train"]["matrix"]


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
