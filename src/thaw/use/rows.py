"""Predictions of many images as a table or as JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, Self, TypeAlias

from thaw.evaluation.rounding import rounded
from thaw.use.package import Package
from thaw.use.prediction import Prediction

DESCRIBED = ("model", "strategy", "seed", "dataset", "synthetic", "task", "classes")
SEPARATOR = "|"  # between class names in a cell


@dataclass(frozen=True)
class Row:
    """What is said of an image, or why nothing is.

    Attributes:
        image: its name.
        prediction: None where it could not be read.
        error: why; None where it could.
    """

    image: str
    prediction: Prediction | None
    error: str | None


class CsvWriter:
    """A line an image, written as it comes: image, probability_<class> …, findings, prediction_set, strange, …"""

    def __init__(self, file: IO[str], package: Package) -> None:
        names = [f"probability_{name}" for name in package.classes]
        self._columns = ["image", *names, "findings", "prediction_set", "strange", "distance", "error"]
        self._writer = csv.DictWriter(file, self._columns, lineterminator="\n")

    def add(self, row: Row) -> None:
        """Write a line; what is not known is empty."""
        said: dict[str, Any] = {"image": row.image, "error": row.error}
        if row.prediction is not None:
            one = row.prediction
            said |= {f"probability_{name}": value for name, value in one.probabilities.items()}
            said |= {"findings": SEPARATOR.join(one.findings), "strange": one.strange, "distance": one.distance}
            said["prediction_set"] = None if one.prediction_set is None else SEPARATOR.join(one.prediction_set)
        self._writer.writerow(rounded(said))

    def __enter__(self) -> Self:
        self._writer.writeheader()
        return self

    def __exit__(self, *_: object) -> None: ...


class JsonWriter:
    """One object: what the model is, and ``predictions``, a list."""

    def __init__(self, file: IO[str], package: Package) -> None:
        self._file, self._package = file, package
        self._rows: list[dict[str, Any]] = []

    def add(self, row: Row) -> None:
        """Keep a row for the end."""
        said = {"image": row.image} if row.prediction is None else rounded(row.prediction.to_dict())
        self._rows.append({**said, "error": row.error})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            content = {**header(self._package), "predictions": self._rows}
            self._file.write(json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


Writer: TypeAlias = CsvWriter | JsonWriter
WRITERS: Mapping[str, type[CsvWriter] | type[JsonWriter]] = {"csv": CsvWriter, "json": JsonWriter}


def header(package: Package) -> dict[str, Any]:
    """What one must know to read predictions."""
    description, rule = package.description, package.rule
    return {
        "notices": list(package.notices),
        "folder": package.folder.as_posix(),
        **{name: description[name] for name in DESCRIBED},
        "thaw": description["thaw"],
        "thresholds": dict(zip(rule.classes, rule.thresholds, strict=True)),
        "prediction_sets": {"method": package.set_method, "level": package.set_level},
        "strange_above": package.reference.level,
    }
