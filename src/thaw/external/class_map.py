"""Which classes of another set mean a class of the model, and the labels that follow for its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thaw.errors import UserError, did_you_mean
from thaw.labels import UNKNOWN, Task

NO_FINDING = "No Finding"


@dataclass(frozen=True)
class ClassMap:
    """A map from classes of the model to classes of the other set, any of which means it.

    Attributes:
        meanings: classes of the other set by class of the model. ``No Finding`` stands for an image with none of the
            set's classes, where the set has several labels an image and no class of that name.
        classes, task: of the model.
        other_classes, other_task: of the other set.
    """

    meanings: Mapping[str, Sequence[str]]
    classes: Sequence[str]
    task: Task
    other_classes: Sequence[str]
    other_task: Task

    def checked(self, name: str) -> ClassMap:
        """Return itself.

        Args:
            name: the set's name in ``evaluate.external``, for messages.

        Raises:
            UserError: a class that the model or the set does not have (offers the nearest), or, where the model gives
                exactly one class an image, a class of the set that means two of the model's.
        """
        place = f"evaluate.external {name}: classes"
        for ours, theirs in self.meanings.items():
            _refuse_unknown(ours, self.classes, f"{place}: the model has no class")
            for one in theirs:
                _refuse_unknown(one, self._usable(), f"{place}.{ours}: the set has no class")
        if self.task == "multiclass":
            self._refuse_shared(place)
        return self

    def labels(self, known: NDArray[np.int8]) -> NDArray[np.int8]:
        """Labels of the model's classes, (N, classes), from those of the other set, (N, other classes).

        A class that the map names is 1 where any of its meanings is, else unknown where one of them is, else 0; the
        others are unknown. A model that gives exactly one class an image cannot be right about an image of two of its
        classes, nor, where the map names all its classes, about an image of none of them: such images are unknown
        throughout.
        """
        result = np.full((len(known), len(self.classes)), UNKNOWN, dtype=np.int8)
        for ours, theirs in self.meanings.items():
            meanings = np.stack([self._column(known, one) for one in theirs], axis=1)
            unclear = np.where((meanings == UNKNOWN).any(axis=1), UNKNOWN, 0)
            result[:, list(self.classes).index(ours)] = np.where((meanings == 1).any(axis=1), 1, unclear)
        return self._exclusive(result) if self.task == "multiclass" else result

    def counts(self, labels: NDArray[np.int8]) -> dict[str, dict[str, int]]:
        """How many images are with, without and unknown of each class that the map names, of what ``labels`` gave."""
        columns = {ours: labels[:, list(self.classes).index(ours)] for ours in self.meanings}
        words = {"with": 1, "without": 0, "unknown": UNKNOWN}
        return {
            ours: {word: int((column == value).sum()) for word, value in words.items()}
            for ours, column in columns.items()
        }

    def _usable(self) -> list[str]:
        extra = [NO_FINDING] if self.other_task == "multilabel" and NO_FINDING not in self.other_classes else []
        return [*self.other_classes, *extra]

    def _column(self, known: NDArray[np.int8], name: str) -> NDArray[np.int8]:
        if name in self.other_classes:
            column: NDArray[np.int8] = known[:, list(self.other_classes).index(name)]
            return column
        unclear = np.where((known == UNKNOWN).any(axis=1), UNKNOWN, 1)
        return np.where((known == 1).any(axis=1), 0, unclear).astype(np.int8)

    def _exclusive(self, labels: NDArray[np.int8]) -> NDArray[np.int8]:
        """Of a model that gives one class an image: a class that is present excludes the others."""
        named = [name in self.meanings for name in self.classes]
        present = (labels == 1).sum(axis=1)
        labels[:, named] = np.where((present == 1)[:, None] & (labels[:, named] != 1), 0, labels[:, named])
        labels[(present > 1) | (all(named) & (present == 0))] = UNKNOWN
        return labels

    def _refuse_shared(self, place: str) -> None:
        owner: dict[str, str] = {}
        for ours, theirs in self.meanings.items():
            for one in theirs:
                if owner.setdefault(one, ours) != ours:
                    rule = "the model gives one class an image, so it can mean one of them"
                    raise UserError(f"{place}: {one!r} stands under {owner[one]} and {ours}; {rule}")


def _refuse_unknown(name: str, allowed: Sequence[str], what: str) -> None:
    if name not in allowed:
        raise UserError(f"{what} {name!r}; use one of {', '.join(allowed)}{did_you_mean(name, allowed)}")
