"""What one cell decided of every test image and class, and which decisions were right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from thaw.cells import Cell
from thaw.evaluation.predictions import Predictions
from thaw.evaluation.rule import DecisionRule
from thaw.evaluation.subgroups.judged import Judged
from thaw.files import read_csv, read_json
from thaw.labels import Task

LIKELIEST = 0.5  # any number: with one label an image the likeliest class is given, and no threshold is looked at
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Decided:
    """What a model said of N test images, and the rule by which it decides.

    Attributes:
        predictions: logits beside labels.
        rule: its own, fitted on validation images.
    """

    predictions: Predictions
    rule: DecisionRule

    @cached_property
    def judged(self) -> Judged:
        """Its decisions, by calibrated probability.

        Several labels an image: every class whose probability reaches its fitted threshold; a class without a threshold
        is not decided. One label an image: the likeliest class.
        """
        said = self.predictions
        thresholds = self.rule.thresholds if said.task == "multilabel" else LIKELIEST
        return Judged.of(said.labels, self.rule.probabilities(said.logits), thresholds, said.classes, said.task)

    @cached_property
    def kinds(self) -> dict[str, Mask]:
        """Which images are rightly found, falsely found, missed and rightly left out, (N, classes) each.

        Unknown labels and classes that are not decided are in none of the four.
        """
        judged = self.judged
        positive, negative = judged.labels == 1, judged.labels == 0
        given, refused = judged.decisions & judged.decidable, ~judged.decisions & judged.decidable
        return {
            "true_positive": positive & given,
            "false_positive": negative & given,
            "false_negative": positive & refused,
            "true_negative": negative & refused,
        }

    def surest(self, kind: str, column: int) -> NDArray[np.intp]:
        """Positions of the images of one of the ``kinds`` of one class, the surest decision first.

        Of those that were given the class that with the highest probability, of the others that with the lowest.
        """
        probabilities, given = self.judged.probabilities[:, column], kind in ("true_positive", "false_positive")
        return self.ranked(self.kinds[kind][:, column], -probabilities if given else probabilities)

    def ranked(self, mask: Mask, key: NDArray[np.floating]) -> NDArray[np.intp]:
        """Positions where ``mask`` (N,) holds, by rising ``key`` (N,), equal ones by the image's name."""
        chosen = np.flatnonzero(mask)
        names = self.predictions.images[chosen].astype(str)
        order: NDArray[np.intp] = chosen[np.lexsort((names, key[chosen]))]
        return order


def read_decided(cell: Cell, classes: Sequence[str], task: Task) -> Decided:
    """What a cell's predictions.csv says of the test images, and its rule.json."""
    table = read_csv(cell.predict_folder / "predictions.csv")
    said = Predictions.of_table(table[table["split"] == "test"], classes, task)
    return Decided(said, DecisionRule.from_json(read_json(cell.evaluate_folder / "rule.json")))
