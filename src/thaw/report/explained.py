"""What explain and embeddings left of the first seed's networks, read for the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.evaluation.rule import DecisionRule
from thaw.explain.decided import Decided
from thaw.explain.maps import read_maps
from thaw.files import read_csv, read_json
from thaw.report.reading import existing
from thaw.report.results import CellResult, Results
from thaw.report.statistics import predictions_of

Pixels = NDArray[np.uint8]
PLACES = tuple(f"{method}_{axis}" for method in ("pca", "tsne", "umap") for axis in "xy")


@dataclass(frozen=True)
class ExplainedCell:
    """One model and strategy.

    Attributes:
        model: the backbone.
        strategy: the strategy.
        measures: explain.json: method, block, localisation, faithfulness, randomisation, similarity.
        failures: the errors of which the network is surest.
        pairs: classes that are confused, the most frequent first.
        maps: (image, class) → heat map (56, 56), 255 where most speaks for the class.
        decided: what its rule decides of the test images.
    """

    model: str
    strategy: str
    measures: Mapping[str, Any]
    failures: tuple[Mapping[str, Any], ...]
    pairs: tuple[Mapping[str, Any], ...]
    maps: Mapping[tuple[str, str], Pixels]
    decided: Decided

    @cached_property
    def places(self) -> dict[str, int]:
        """Image → its row among the test images."""
        return {str(image): place for place, image in enumerate(self.decided.predictions.images)}


@dataclass(frozen=True)
class Explained:
    """All of it.

    Attributes:
        gallery: the images that are shown: model, class, kind, place, image; all text.
        cells: one a model and strategy, in the grid's order.
        embeddings: where the features of images lie in pictures of two axes, as ``reports/embeddings.csv`` has it;
            empty where there is no such file.
        purity: model → strategy → what ``reports/embeddings.json`` says.
        pixels: image → (H, W), of those that are shown.
        rows: image → its row in ``data/images.csv``, by which the report names it: file names may tell a patient.
    """

    gallery: pd.DataFrame
    cells: tuple[ExplainedCell, ...]
    embeddings: pd.DataFrame
    purity: Mapping[str, Mapping[str, Any]]
    pixels: Mapping[str, Pixels]
    rows: Mapping[str, int]

    def cells_of(self, model: str) -> list[ExplainedCell]:
        """The strategies of one model."""
        return [cell for cell in self.cells if cell.model == model]


def read_explained(results: Results, reports: Path = Path("reports"), data: Path = Path("data")) -> Explained | None:
    """Read what was explained; None where there is no gallery.

    Raises:
        UserError: a file is missing beside the gallery.
    """
    if not (reports / "gallery.csv").exists():
        return None
    gallery = _read_text(reports / "gallery.csv")
    firsts = [results.seeds_of(model, strategy)[0].trained[0] for model, strategy in results.pairs]
    cells = tuple(_read_cell(first, results, reports) for first in firsts)
    rows = read_csv(existing(data / "images.csv")).set_index("image")["row"]
    shown = dict.fromkeys([*gallery["image"], *_images_of(cells)])
    places = {image: int(rows[image]) for image in shown if image in rows.index}
    pixels = np.load(existing(data / "images.npy"), mmap_mode="r")
    return Explained(
        gallery,
        cells,
        _read_embeddings(reports / "embeddings.csv"),
        read_json(reports / "embeddings.json") if (reports / "embeddings.json").exists() else {},
        {image: np.array(pixels[row]) for image, row in places.items()},
        places,
    )


def _read_text(path: Path) -> pd.DataFrame:
    """A table whose columns are all text: a class called 007 or NA stays so."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _read_cell(result: CellResult, results: Results, reports: Path) -> ExplainedCell:
    folder = reports / "explain" / result.cell.path
    failures = read_json(existing(folder / "failures.json"))
    rule = read_json(existing(reports / "evaluate" / result.cell.path / "rule.json"))
    return ExplainedCell(
        result.cell.model,
        result.cell.strategy,
        read_json(existing(folder / "explain.json")),
        tuple(failures["failures"]),
        tuple(failures["pairs"]),
        read_maps(existing(folder / "maps.npz")),
        Decided(predictions_of(result, results), DecisionRule.from_json(rule)),
    )


def _images_of(cells: Iterable[ExplainedCell]) -> list[str]:
    """Images of failures and of their neighbours."""
    failures = [failure for cell in cells for failure in cell.failures]
    return [
        image for failure in failures for image in (failure["image"], *(one["image"] for one in failure["neighbours"]))
    ]


def _read_embeddings(path: Path) -> pd.DataFrame:
    if not path.exists():
        return pd.DataFrame()
    table = _read_text(path)
    return table.assign(**{name: pd.to_numeric(table[name]) for name in PLACES if name in table})
