"""Measuring and writing down: contestants take turns in one process; medians with their spread; tables; the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from thaw.files import write_text

REPOSITORY = Path(__file__).parents[1]
RESULTS = REPOSITORY / "bench/RESULTS.md"
ROUNDS, QUICK_ROUNDS = 3, 1
PACKAGES = ("torch", "torchvision", "timm")


@dataclass(frozen=True)
class Spread:
    """One figure as measured in several rounds, in their order."""

    figures: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one, or the mean of the two in the middle."""
        return statistics.median(self.figures)

    def text(self, digits: int = 2) -> str:
        """The median, then the smallest and the largest."""
        smallest, middle, largest = min(self.figures), self.median, max(self.figures)
        return f"{middle:,.{digits}f} ({smallest:,.{digits}f} to {largest:,.{digits}f})"

    def over(self, others: Spread) -> Spread:
        """The ratio to ``others``, round by round."""
        return Spread(tuple(mine / other for mine, other in zip(self.figures, others.figures, strict=True)))

    def times(self, factor: float) -> Spread:
        """Every figure times ``factor``."""
        return Spread(tuple(value * factor for value in self.figures))


def take_turns(contestants: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Spread]:
    """Let every contestant measure itself once a round, after one time that does not count.

    Every second round goes backwards, so that a machine that slows down steadily favours nobody.

    Args:
        contestants: by name, a function that returns its own figure.
        rounds: how many figures of each to take.
    """
    for measured in contestants.values():
        measured()
    figures: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name in reversed(list(contestants)) if number % 2 else contestants:
            figures[name].append(contestants[name]())
    return {name: Spread(tuple(values)) for name, values in figures.items()}


def seconds(work: Callable[[], object]) -> float:
    """The time that ``work`` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def at_least(goal: float, figure: Spread) -> str:
    """Whether the median reaches a goal that is a lower bound."""
    return f"{goal:g}: {'met' if figure.median >= goal else '**missed**'}"


def at_most(goal: float, figure: Spread) -> str:
    """Whether the median keeps within a goal that is an upper bound."""
    return f"{goal:g}: {'met' if figure.median <= goal else '**missed**'}"


@dataclass(frozen=True)
class Table:
    """A table of results.

    Attributes:
        title: what is measured.
        columns: what each column holds: what was run, then ratios, then the rest.
        rows: of texts, each as long as ``columns``.
        note: what a reader must know to read it.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"{self.title}: a row is not as long as the {len(self.columns)} columns")

    def text(self) -> str:
        """As Markdown; of a table without rows the note alone."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows] if self.rows else []
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return "\n\n".join(part for part in (f"### {self.title}", table, self.note) if part) + "\n"


def section(command: str, machine: str, tables: Sequence[Table], today: date | None = None) -> str:
    """What one run of a benchmark adds to the results."""
    head = f"## `{command}` ({today or date.today():%Y-%m-%d})\n\n{machine}\n"
    return "\n".join([head, *(table.text() for table in tables)])


def append(path: Path, text: str) -> None:
    """Add a section to a file of results."""
    write_text(path, f"{path.read_text(encoding='utf-8').rstrip()}\n\n{text}")


def environment() -> str:
    """The machine and the versions that decide a figure, in one line."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
    software = ", ".join([f"Python {platform.python_version()}", *versions])
    return f"{processors()} cores of {_processor()}, {memory_gib:.0f} GiB, {_gpu()}; {software}."


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.is_file():
        for line in described.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _gpu() -> str:
    """The GPU, where the benchmark itself computed with torch."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return "no GPU used"
    return f"{torch.cuda.get_device_name()} (CUDA {torch.version.cuda})"
