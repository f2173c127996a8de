"""python -m thaw without a command: what to do next, what can be done, and where the results are."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from thaw.cells import Cell, grid, subset_grid
from thaw.commands import listed
from thaw.errors import UserError
from thaw.health.finding import counted
from thaw.params.read import read_params
from thaw.params.schema import Params

TITLE = "thaw: which layers of a pretrained network should be thawed for my X-rays, and what does it cost?"
EVERY_DAY = {
    "dvc repro": "run what is missing or has changed",
    "dvc exp run -S strategy=norm": "another strategy as the headline; only what it needs is trained",
    "dvc metrics diff": "what changed since the last commit",
    "dvc plots show": "curves of all cells over each other",
    "dvc exp show": "experiments side by side",
}
RESULTS = {
    "reports/dataset.html": "the look at the data before training",
    "reports/report.html": "the page with the answer",
    "reports/comparison.md": "the same as text",
    "reports/metrics.json": "the selected strategy's figures",
}
REPORT, LABELS, WEIGHTS = Path("reports/report.html"), Path("data/labels.csv"), "weights.safetensors"
REPOSITORY = (".dvc", "dvc.yaml", "params.yaml")


class Step(NamedTuple):
    """What to do next, and why."""

    command: str
    reason: str


def main() -> None:
    """Print the screen."""
    print("\n".join(screen(Path())))


def screen(folder: Path) -> Iterator[str]:
    """The lines of the screen for what lies in ``folder``."""
    params, step = _state(folder)
    yield f"{TITLE}\n"
    yield f"Next: {step.command}\n      {step.reason}\n"
    yield "Every day"
    yield from (f"  {command:<30} {what}" for command, what in EVERY_DAY.items())
    yield "\nBeside the pipeline: python -m thaw COMMAND (--help says more)"
    yield listed()
    yield "\nResults"
    yield from (f"  {name:<22} {_date(folder / name)}  {what}" for name, what in RESULTS.items())
    if params is not None:
        yield f"  {'models/':<22} {_models(folder, params)}"
    yield "\nNot a medical device; for research only. More: README.md, docs/README.md"


def next_step(folder: Path) -> Step:
    """What to do next with what lies in ``folder``."""
    return _state(folder)[1]


def _state(folder: Path) -> tuple[Params | None, Step]:
    if missing := [name for name in REPOSITORY if not (folder / name).exists()]:
        return None, Step("cd <thaw>", f"you are not in a thaw repository: no {', '.join(missing)} here")
    try:
        params = read_params(*Params.model_fields, path=folder / "params.yaml")
    except UserError as error:
        return None, Step("mend params.yaml", str(error))
    return params, _after_reading(folder, params)


def _after_reading(folder: Path, params: Params) -> Step:
    cells, report = _cells(params), folder / REPORT
    trained = _with_weights([folder / cell.model_folder for cell in cells])
    if not (folder / LABELS).is_file():
        compared = f"{', '.join(params.models)} on {params.dataset.name}, {counted(len(cells), 'training')}"
        return Step("dvc repro", f"nothing has run here yet: {compared}")
    if trained < len(cells):
        return Step("dvc repro", f"{trained} of {counted(len(cells), 'training')} there; it goes on where it was")
    if not report.is_file():
        return Step("dvc repro", "all trainings are there, the report is not")
    if (folder / "params.yaml").stat().st_mtime > report.stat().st_mtime:
        return Step("dvc repro", "params.yaml is newer than the report; what it changes is run")
    return Step(f"look at {REPORT}", "all is there; change a strategy in params.yaml, and dvc repro trains that alone")


def _cells(params: Params) -> list[Cell]:
    return [*grid(params), *subset_grid(params)]


def _with_weights(folders: list[Path]) -> int:
    return sum((folder / WEIGHTS).is_file() for folder in folders)


def _models(folder: Path, params: Params) -> str:
    cells = _cells(params)
    trained = _with_weights([folder / cell.model_folder for cell in cells])
    packaged = _with_weights([folder / cell.package_folder for cell in cells])
    return f"{trained} of {len(cells)} trained, {packaged} packed for use elsewhere"


def _date(path: Path) -> str:
    if not path.exists():
        return "not there   "
    return f"({datetime.date.fromtimestamp(path.stat().st_mtime)})"
