"""Import time of each stage, in a new process, and the heavy packages it brings; stages with nothing to do.

The time is that of the whole process, so Python's own start is in it; it stands beside that of Python alone. What has
nothing to do is measured on a pipeline of a few phantoms, run for the purpose in a folder of its own; all of this
repository's only where its outputs are there and DVC finds nothing changed.
"""

from __future__ import annotations

import argparse
import json
import os
import pkgutil
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import thaw.stages
from bench.measure import QUICK_ROUNDS, REPOSITORY, ROUNDS, Spread, Table, at_most, seconds, take_turns
from thaw.yaml_edit import with_values

GOAL_SECONDS = 2.0
HEAVY = ("torch", "torchvision", "timm", "pandas", "matplotlib", "scipy", "sklearn", "pydicom", "dvclive")
NEED_TORCH = ("explain", "external", "predict", "train", "weights")  # they build networks
PYTHON = "Python alone"
PROGRAM = "import json, sys; import {module}; print(json.dumps(sorted(sys.modules)))"
PHANTOMS: dict[tuple[str, ...], int] = {("dataset", "phantom", "images"): 40, ("dataset", "phantom", "size"): 64}


@dataclass(frozen=True)
class Started:
    """How a module was imported in a process of its own: seconds in all, and every module that it brought."""

    seconds: float
    modules: frozenset[str]


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"that count ({ROUNDS})")


def measure(given: argparse.Namespace) -> list[Table]:
    """Measure the imports of all stages, then what has nothing to do."""
    rounds = QUICK_ROUNDS if given.quick else given.rounds
    return [imports(rounds), nothing_to_do(rounds)]


def imports(rounds: int) -> Table:
    """How long every stage takes to import, and what it brings."""
    modules = {PYTHON: "sys", **{name: f"thaw.stages.{name}" for name in stage_names()}}
    times = take_turns({name: partial(import_seconds, module) for name, module in modules.items()}, rounds)
    bare = times.pop(PYTHON)
    rows = [stage_row(name, time, bare, heavy(started(modules[name]).modules)) for name, time in times.items()]
    note = (
        f"{PYTHON}: {bare.text()} s. {', '.join(NEED_TORCH)} need torch. "
        f"Rounds: {rounds}, median (smallest to largest)."
    )
    columns = ("stage", "of the goal", "goal, s", "seconds", f"over {PYTHON}", "torch", "heavy packages")
    return Table("Import of a stage", columns, rows, note)


def stage_names() -> list[str]:
    """All stages, by the alphabet."""
    return sorted(module.name for module in pkgutil.iter_modules(thaw.stages.__path__))


def started(module: str) -> Started:
    """Import a module in a new process."""
    before = time.perf_counter()
    program = [sys.executable, "-c", PROGRAM.format(module=module)]
    output = subprocess.run(program, check=True, capture_output=True, text=True, cwd=REPOSITORY).stdout
    return Started(time.perf_counter() - before, frozenset(json.loads(output.splitlines()[-1])))


def import_seconds(module: str) -> float:
    """How long a process lives that imports a module."""
    return started(module).seconds


def heavy(modules: Collection[str]) -> list[str]:
    """The heavy packages among imported modules."""
    return [name for name in HEAVY if name in modules]


def stage_row(name: str, times: Spread, bare: Spread, packages: list[str]) -> list[str]:
    """One stage: of the goal, met or not, seconds, over Python's, whether torch is needless, what else it brings."""
    needless = "torch" in packages and name not in NEED_TORCH
    torch = "**needless**" if needless else ("needed" if "torch" in packages else "no")
    return [*goal_cells(name, times), times.over(bare).text(1), torch, ", ".join(packages)]


def goal_cells(name: str, times: Spread) -> list[str]:
    """What was run, its share of the goal, met or not, seconds."""
    return [name, times.times(1 / GOAL_SECONDS).text(), at_most(GOAL_SECONDS, times), times.text()]


def nothing_to_do(rounds: int) -> Table:
    """``dvc repro`` of one stage, and of all where they have been run, with everything done."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_pipeline(folder)
        work = {"dvc repro --single-item split": partial(repro, folder, "--single-item", "split")}
        whole = up_to_date()
        if whole:
            work["dvc repro"] = partial(repro, REPOSITORY)
        turns = take_turns({command: partial(seconds, run) for command, run in work.items()}, rounds)
    rows = [goal_cells(command, times) for command, times in turns.items()]
    missing = "" if whole else " All stages are not measured: this folder's pipeline has not been run, or has changed."
    note = f"split: of {PHANTOMS['dataset', 'phantom', 'images']} phantoms. Rounds: {rounds}, median.{missing}"
    return Table("A pipeline with nothing to do", ("command", "of the goal", "goal, s", "seconds"), rows, note)


def make_pipeline(folder: Path) -> None:
    """A copy of the pipeline in an empty folder, run as far as split on a few phantoms."""
    for name in ("src", "data/lists"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(REPOSITORY / name, folder / name)
    params = (REPOSITORY / "params.yaml").read_text(encoding="utf-8")
    (folder / "params.yaml").write_text(with_values(params, PHANTOMS), encoding="utf-8")
    run_dvc(folder, "init", "--no-scm", "--quiet")
    run_dvc(folder, "repro", "split")


def repro(folder: Path, *options: str) -> None:
    """``dvc repro``; RuntimeError if it runs a stage."""
    if "Running stage" in (said := run_dvc(folder, "repro", *options)):
        raise RuntimeError(f"dvc repro found something to do: {said}")


def run_dvc(folder: Path, *arguments: str) -> str:
    """What a command of DVC prints, its stages importing thaw from ``folder``; RuntimeError if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    done = subprocess.run(["dvc", *arguments], capture_output=True, text=True, cwd=folder, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"dvc {' '.join(arguments)}: {done.stderr[-2000:]}")
    return done.stdout


def up_to_date() -> bool:
    """Whether DVC finds every stage's outputs there and nothing changed."""
    status = subprocess.run(["dvc", "status", "--json"], capture_output=True, text=True, cwd=REPOSITORY, check=False)
    return status.returncode == 0 and json.loads(status.stdout or "null") == {}
