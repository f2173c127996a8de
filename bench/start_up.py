"""Import time of each stage, in a new process, and the heavy packages it brings; a pipeline with nothing to do.

The time is that of the whole process, so Python's own start is in it. The pipeline is timed only where every output is
there and DVC finds nothing changed: nothing is ever run here.
"""

from __future__ import annotations

import argparse
import json
import pkgutil
import subprocess
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

import thaw.stages
from bench.measure import QUICK_ROUNDS, REPOSITORY, ROUNDS, Spread, Table, at_most, seconds, take_turns

GOAL_SECONDS = 2.0
HEAVY = ("torch", "torchvision", "timm", "pandas", "matplotlib", "scipy", "sklearn", "pydicom")
NEED_TORCH = ("evaluate", "train", "weights")  # they build networks
PROGRAM = "import json, sys; import {module}; print(json.dumps(sorted(sys.modules)))"


@dataclass(frozen=True)
class Started:
    """How a module was imported in a process of its own: seconds in all, and every module that it brought."""

    seconds: float
    modules: frozenset[str]


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"that count ({ROUNDS})")


def measure(given: argparse.Namespace) -> list[Table]:
    """Measure all stages, then the pipeline."""
    rounds = QUICK_ROUNDS if given.quick else given.rounds
    stages = {name: f"thaw.stages.{name}" for name in stage_names()}
    times = take_turns({name: partial(import_seconds, module) for name, module in stages.items()}, rounds)
    bare = take_turns({"python": partial(import_seconds, "sys")}, rounds)["python"]
    rows = [stage_row(name, times[name], heavy(started(module).modules)) for name, module in stages.items()]
    note = (
        f"Python alone: {bare.text()} s. {', '.join(NEED_TORCH)} need torch. "
        f"Rounds: {rounds}, median (smallest to largest)."
    )
    columns = ("stage", "of the goal", "goal, s", "seconds", "torch", "heavy packages")
    return [Table("Import of a stage", columns, rows, note), pipeline(rounds)]


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


def stage_row(name: str, times: Spread, packages: list[str]) -> list[str]:
    """One stage: of the goal, met or not, seconds, whether it brings torch needlessly, what else it brings."""
    needless = "torch" in packages and name not in NEED_TORCH
    torch = "**needless**" if needless else ("needed" if "torch" in packages else "no")
    return [name, times.times(1 / GOAL_SECONDS).text(), at_most(GOAL_SECONDS, times), times.text(),
            torch, ", ".join(packages)]  # fmt: skip


def pipeline(rounds: int) -> Table:
    """``dvc repro`` of all stages and of one, where nothing is to be done."""
    columns = ("command", "of the goal", "goal, s", "seconds")
    title = "A pipeline with nothing to do"
    if not up_to_date():
        return Table(title, columns, [], "Not measured: this folder's pipeline has not been run, or has changed since.")
    commands = {"dvc repro": ["dvc", "repro"], "dvc repro --single-item split": ["dvc", "repro", "-s", "split"]}
    run = partial(subprocess.run, check=True, capture_output=True, cwd=REPOSITORY)
    work = {name: partial(seconds, partial(run, command)) for name, command in commands.items()}
    rows = [
        [name, times.times(1 / GOAL_SECONDS).text(), at_most(GOAL_SECONDS, times), times.text()]
        for name, times in take_turns(work, rounds).items()
    ]
    return Table(title, columns, rows, f"Rounds: {rounds}, median (smallest to largest).")


def up_to_date() -> bool:
    """Whether DVC finds every stage's outputs there and nothing changed."""
    status = subprocess.run(["dvc", "status", "--json"], capture_output=True, text=True, cwd=REPOSITORY, check=False)
    return status.returncode == 0 and json.loads(status.stdout or "null") == {}
