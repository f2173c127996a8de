"""Yes or no for each image and class, and how often that is right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.auroc import macro
from thaw.evaluation.ranking import NONE_KNOWN, NONE_WITH, NONE_WITHOUT, weighted
from thaw.labels import Task

Labels = NDArray[np.integer]
Values = list[float | None]
Thresholds = float | Sequence[float | None]

NONE_GIVEN, ALL_GIVEN = "no image was given it", "every image was given it"
ONE_CLASS, ONE_GIVEN = "all images are of one class", "all images were given one class"
AVERAGED = ("precision", "recall", "f1")  # those whose weighted and micro averages are usual


def decide(scores: NDArray[np.floating], task: Task, thresholds: Thresholds) -> NDArray[np.int64]:
    """Decisions (N, classes) of 0 or 1.

    Args:
        scores: probabilities, (N, classes).
        task: several labels an image, or exactly one.
        thresholds: one for all classes: every class whose probability reaches it (multilabel), or, whatever it is, the
            likeliest class alone, the first of equals (multiclass). One a class: in both tasks every class whose
            probability reaches its own, so that an image may have no class or several; None: never.

    Raises:
        ValueError: there are not as many thresholds as classes.
    """
    if not isinstance(thresholds, int | float):
        if len(thresholds) != scores.shape[1]:
            raise ValueError(f"{len(thresholds)} thresholds for {scores.shape[1]} classes")
        reached = scores >= np.array([np.inf if one is None else one for one in thresholds], dtype=np.float64)
    elif task == "multilabel":
        reached = scores >= thresholds
    else:
        reached = scores.argmax(axis=1)[:, None] == np.arange(scores.shape[1])
    decisions: NDArray[np.int64] = reached.astype(np.int64)
    return decisions


def measure_decisions(labels: Labels, decisions: Labels, classes: Sequence[str]) -> dict[str, Any]:
    """Counts and rates of each class against all other images, and their averages.

    Rates are precision, recall (sensitivity), specificity, F1, balanced accuracy (the mean of recall and specificity:
    Brodersen, Ong, Stephan and Buhmann, "The balanced accuracy and its posterior distribution", ICPR 2010), Cohen's
    kappa ("A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20, 1960) and MCC
    (Matthews, "Comparison of the predicted and observed secondary structure of T4 phage lysozyme", Biochimica et
    Biophysica Acta 405, 1975).

    Precision needs an image that was given the class; recall and F1 need one with the class, so that a class which is
    never found has F1 0; specificity needs one without it; balanced accuracy and kappa need both, MCC also that some
    images and not all were given it. Elsewhere they are None, and ``undefined_decisions`` says why by class and rate.

    ``_macro`` is the mean over the classes that have a value, ``macro_classes`` how many these are; ``_weighted`` the
    same weighted by their positive images; ``_micro`` the rate of all pairs of an image and a class together.

    Args:
        labels: (N, classes), 0, 1 or ``UNKNOWN``, which is left out.
        decisions: (N, classes), 0 or 1.
        classes: in the order of the columns.
    """
    counts = _Counts.of(labels, decisions)
    rates, pooled = counts.rates(), counts.pooled().rates()
    tables = {**{name: values.tolist() for name, values in asdict(counts).items()}, **rates}
    measured: dict[str, Any] = {name: dict(zip(classes, values, strict=True)) for name, values in tables.items()}
    measured.update({f"{name}_macro": macro(values) for name, values in rates.items()})
    measured.update({f"{name}_weighted": weighted(rates[name], counts.existing) for name in AVERAGED})
    measured.update({f"{name}_micro": pooled[name][0] for name in AVERAGED})
    measured["macro_classes"] = {name: len(values) - values.count(None) for name, values in rates.items()}
    reasons = {name: counts.reasons(column) for column, name in enumerate(classes)}
    measured["undefined_decisions"] = {name: why for name, why in reasons.items() if why}
    return measured


def measure_choice(labels: Labels, decisions: Labels, classes: Sequence[str]) -> dict[str, Any]:
    """What one class an image gets right: accuracy, balanced accuracy, kappa, MCC and the confusion matrix.

    Balanced accuracy is the mean recall of the classes that have images. Kappa is Cohen's (1960; see
    ``measure_decisions``) and MCC that of Gorodkin, "Comparing two K-category assignments by a K-category correlation
    coefficient", Computational Biology and Chemistry 28 (2004), both over all classes. They need images of two classes,
    MCC also two classes that were given; where they are None, ``undefined_choice`` says why. ``confusion`` counts the
    images of each true class (outer key) that were given each class (inner key).

    Args:
        labels: (N, classes); images without a 1 are left out, as nobody knows their class.
        decisions: (N, classes), one 1 an image.
        classes: in the order of the columns.

    Raises:
        ValueError: an image was given no class or several.
    """
    if ((decisions == 1).sum(axis=1) != 1).any():
        raise ValueError("an image was given no class or several; there is no choice to measure")
    known, count = (labels == 1).any(axis=1), len(classes)
    cells = labels[known].argmax(axis=1) * count + decisions[known].argmax(axis=1)
    confusion = np.bincount(cells, minlength=count * count).reshape(count, count)
    rows = [[int(images) for images in row] for row in confusion]
    table = {true: dict(zip(classes, row, strict=True)) for true, row in zip(classes, rows, strict=True)}
    return {**_agreement(confusion), "confusion": table}


@dataclass(frozen=True)
class _Counts:
    """Images by class, each (classes,)."""

    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]
    true_negatives: NDArray[np.int64]
    false_negatives: NDArray[np.int64]

    @classmethod
    def of(cls, labels: Labels, decisions: Labels) -> _Counts:
        positive, negative, given = labels == 1, labels == 0, decisions == 1
        kinds = (positive & given, negative & given, negative & ~given, positive & ~given)
        return cls(*(kind.sum(axis=0) for kind in kinds))

    def pooled(self) -> _Counts:
        """All classes as one."""
        kinds = (self.true_positives, self.false_positives, self.true_negatives, self.false_negatives)
        return _Counts(*(kind.sum(keepdims=True) for kind in kinds))

    @property
    def existing(self) -> NDArray[np.int64]:
        """Images with the class."""
        return self.true_positives + self.false_negatives

    @property
    def absent(self) -> NDArray[np.int64]:
        """Images without it."""
        return self.false_positives + self.true_negatives

    @property
    def given(self) -> NDArray[np.int64]:
        """Images that were given it."""
        return self.true_positives + self.false_positives

    @property
    def refused(self) -> NDArray[np.int64]:
        """Images that were not."""
        return self.false_negatives + self.true_negatives

    def rates(self) -> dict[str, Values]:
        """Each rate by class; None where ``reasons`` has one."""
        existing, absent, given, refused = self.existing, self.absent, self.given, self.refused
        both = existing * absent
        won = self.true_positives * self.true_negatives - self.false_positives * self.false_negatives
        chance = np.where(both > 0, given * absent + existing * refused, 0)
        return {
            "precision": _shares(self.true_positives, given),
            "recall": _shares(self.true_positives, existing),
            "specificity": _shares(self.true_negatives, absent),
            "f1": _shares(2 * self.true_positives, np.where(existing > 0, existing + given, 0)),
            "balanced_accuracy": _shares(self.true_positives * absent + self.true_negatives * existing, 2 * both),
            "kappa": _shares(2 * won, chance),
            # the product of all four counts may not fit into 64 bits
            "mcc": _shares(won, np.sqrt(both.astype(np.float64) * (given * refused))),
        }

    def reasons(self, column: int) -> dict[str, str]:
        """Why a class has no value of a rate, by rate."""
        existing, absent = self.existing[column], self.absent[column]
        known = "" if existing or absent else NONE_KNOWN
        with_it, without_it = known or ("" if existing else NONE_WITH), known or ("" if absent else NONE_WITHOUT)
        given = known or ("" if self.given[column] else NONE_GIVEN)
        both = with_it or without_it
        why = {
            "precision": given,
            "recall": with_it,
            "specificity": without_it,
            "f1": with_it,
            "balanced_accuracy": both,
            "kappa": both,
            "mcc": both or given or ("" if self.refused[column] else ALL_GIVEN),
        }
        return {name: reason for name, reason in why.items() if reason}


def _agreement(confusion: NDArray[np.int64]) -> dict[str, Any]:
    """What ``measure_choice`` measures of counts (true classes, given classes)."""
    # Python's whole numbers, whose products never overflow
    true, given = confusion.sum(axis=1).tolist(), confusion.sum(axis=0).tolist()
    images, right = sum(true), int(np.trace(confusion))
    by_chance = sum(one * other for one, other in zip(true, given, strict=True))
    true_apart, given_apart = (images**2 - sum(one**2 for one in counts) for counts in (true, given))
    won = images * right - by_chance
    none = "" if images else NONE_KNOWN
    one_class = none or ("" if true_apart else ONE_CLASS)
    why = {
        "accuracy": none,
        "balanced_accuracy": none,
        "kappa": one_class,
        "mcc": one_class or ("" if given_apart else ONE_GIVEN),
    }
    return {
        "accuracy": None if why["accuracy"] else right / images,
        "balanced_accuracy": macro(_shares(np.diag(confusion), confusion.sum(axis=1))),
        "kappa": None if why["kappa"] else won / (images**2 - by_chance),
        "mcc": None if why["mcc"] else won / math.sqrt(true_apart * given_apart),
        "undefined_choice": {name: reason for name, reason in why.items() if reason},
    }


def _shares(parts: NDArray[np.integer], wholes: NDArray[np.number]) -> Values:
    return [float(part / whole) if whole else None for part, whole in zip(parts, wholes, strict=True)]
