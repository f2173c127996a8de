"""A cell is one model × strategy × seed: its name, its folders, and which cells are compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from thaw.params.schema import Params


@dataclass(frozen=True, order=True)
class Cell:
    """One training: a backbone, a strategy, a seed."""

    model: str
    strategy: str
    seed: int

    def __str__(self) -> str:
        return f"{self.model}-{self.strategy}-{self.seed}"

    @property
    def path(self) -> Path:
        """The cell's folder below each tree of results."""
        return Path(self.model, self.strategy, str(self.seed))

    @property
    def model_folder(self) -> Path:
        """Where train writes the model."""
        return Path("models") / self.path

    @property
    def train_folder(self) -> Path:
        """Where train writes the learning curves and the cost."""
        return Path("reports/train") / self.path

    @property
    def evaluate_folder(self) -> Path:
        """Where evaluate writes test metrics and predictions."""
        return Path("reports/evaluate") / self.path


def grid(params: Params, listed: Iterable[str]) -> list[Cell]:
    """All cells: every model and seed of the parameters with every listed strategy and the selected one."""
    strategies = dict.fromkeys([*listed, params.strategy])
    return [Cell(model, name, seed) for model in params.models for name in strategies for seed in params.seeds]
