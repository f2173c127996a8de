"""A cell is one training: its name, its folders, and which cells are compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from thaw.command import arguments
from thaw.errors import UserError
from thaw.params.schema import Params


@dataclass(frozen=True)
class Cell:
    """One training: a backbone, a strategy, a seed.

    Attributes:
        model: the backbone.
        strategy: the strategy.
        seed: of the head, the order of images and their augmentation.
        fold: the part of a cross-validation to test on; None: the split as it stands, which is fold 1.
        subset: train on about so many images; None: on all.
    """

    model: str
    strategy: str
    seed: int
    fold: int | None = None
    subset: int | None = None

    @classmethod
    def from_arguments(cls, description: str | None) -> Cell:
        """The cell named on the command line: MODEL STRATEGY SEED [--fold FOLD] [--subset IMAGES].

        Args:
            description: what ``--help`` prints.

        Raises:
            UserError: the seed is no whole number.
        """
        given = arguments(description, "model", "strategy", "seed", options=("fold", "subset"))
        try:
            return cls(given.model, given.strategy, int(given.seed), given.fold, given.subset)
        except ValueError:
            raise UserError(f"the seed is {given.seed!r}: give a whole number, 0 or more") from None

    def __str__(self) -> str:
        return f"{self.model}-{self.variant}-{self.seed}"

    @property
    def variant(self) -> str:
        """The strategy, and where they are given the fold and the subset: ``full``, ``full.fold2``, ``full.500``."""
        fold = "" if self.fold is None else f".fold{self.fold}"
        return self.strategy + fold + ("" if self.subset is None else f".{self.subset}")

    @property
    def path(self) -> Path:
        """The cell's folder below each tree of results."""
        return Path(self.model, self.variant, str(self.seed))

    @property
    def model_folder(self) -> Path:
        """Where train writes the model."""
        return Path("models/trained") / self.path

    @property
    def package_folder(self) -> Path:
        """Where package writes the model with all that is needed to use it."""
        return Path("models") / self.path

    @property
    def train_folder(self) -> Path:
        """Where train writes the learning curves and the cost."""
        return Path("reports/train") / self.path

    @property
    def predict_folder(self) -> Path:
        """Where predict writes what the model says of validation and test images."""
        return Path("reports/predict") / self.path

    def external_folder(self, name: str) -> Path:
        """Where external writes what the model says of another set."""
        return self.predict_folder / "external" / name

    @property
    def explain_folder(self) -> Path:
        """Where explain writes what the model looks at."""
        return Path("reports/explain") / self.path

    @property
    def evaluate_folder(self) -> Path:
        """Where evaluate writes what the test images gave."""
        return Path("reports/evaluate") / self.path


def grid(params: Params) -> list[Cell]:
    """Every model, strategy and seed on all training images, the further folds after the first."""
    return [
        Cell(model, strategy, seed, fold)
        for model in params.models
        for strategy in _strategies(params)
        for seed in params.seeds
        for fold in (None, *params.folds)
    ]


def subset_grid(params: Params) -> list[Cell]:
    """Every model, strategy and seed on each of the smaller training sets, from small to large."""
    return [
        Cell(model, strategy, seed, subset=subset)
        for model in params.models
        for strategy in _strategies(params)
        for seed in params.seeds
        for subset in sorted(params.subsets)
    ]


def _strategies(params: Params) -> list[str]:
    """The strategies compared and the selected one, each once."""
    return list(dict.fromkeys([*params.compared, params.strategy]))
