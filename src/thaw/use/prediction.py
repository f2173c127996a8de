"""What a model says of one image: probabilities, decisions, a set of classes, and whether the image is strange."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.errors import UserError
from thaw.evaluation.conformal.sets import sets
from thaw.evaluation.decisions import decide
from thaw.use.package import Package

LIKELIEST = 0.5  # any number: with one label an image the likeliest class is given, and no threshold is looked at


@dataclass(frozen=True)
class Prediction:
    """What a model says of one image.

    Attributes:
        image: its name.
        probabilities: of each class, calibrated on validation images, 0 to 1; where an image has exactly one label they
            add up to 1.
        findings: classes that are decided to be present: whose probability reaches the threshold that was fitted on
            validation images; where an image has exactly one label, the likeliest class.
        undecided: classes for which validation images could not say a threshold: nothing is decided of them.
        prediction_set: classes that the image may have, so many that no more than the promised share of true classes is
            missed on average (``thaw.evaluation.conformal``); None where no such promise could be made.
        strange: whether the image is unlike the training images, so that nothing else here can be relied on.
        distance: how unlike, from 0 to 2; see ``thaw.use.strangeness``.
    """

    image: str
    probabilities: dict[str, float]
    findings: tuple[str, ...]
    undecided: tuple[str, ...]
    prediction_set: tuple[str, ...] | None
    strange: bool
    distance: float

    def to_dict(self) -> dict[str, Any]:
        """The same in values that JSON has."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }  # fmt: skip


def judge(
    names: Sequence[str], logits: NDArray[np.float32], features: NDArray[np.float32], package: Package
) -> list[Prediction]:
    """What a model says of n images, by their logits (n, classes) and features (n, D).

    Raises:
        UserError: a logit is no finite number.
    """
    broken = ~np.isfinite(logits).all(axis=1)
    if broken.any():
        raise UserError(f"{names[int(broken.argmax())]}: the network gives no finite numbers for it; see its weights")
    rule, several = package.rule, package.task == "multilabel"
    probabilities = rule.probabilities(_as_written(logits)).astype(np.float64)
    decided = decide(probabilities, package.task, rule.thresholds if several else LIKELIEST).astype(bool)
    undecided = tuple(name for name, at in zip(rule.classes, rule.thresholds, strict=True) if several and at is None)
    members = sets(probabilities, [package.set_level])
    distances = package.reference.distance(features)
    strange = package.reference.strange(distances)
    return [
        Prediction(
            name,
            dict(zip(rule.classes, probabilities[place].tolist(), strict=True)),
            _chosen(rule.classes, decided[place]),
            undecided,
            None if package.set_level is None else _chosen(rule.classes, members[place]),
            bool(strange[place]),
            float(distances[place]),
        )
        for place, name in enumerate(names)
    ]


def _as_written(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """As predictions.csv holds them, in the fewest digits: a threshold is the probability of an image in that table."""
    return logits.astype(np.str_).astype(np.float64)


def _chosen(classes: Sequence[str], chosen: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(name for name, is_chosen in zip(classes, chosen, strict=True) if is_chosen)
