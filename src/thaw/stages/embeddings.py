"""embeddings: pictures of what the networks make of the images.

Reads     the parameters compared, explain.embedded, models and seeds; data/dataset.json and labels.csv; of every model
          and compared strategy with the first seed reports/predict/<cell>/{features.npz,predictions.csv} and
          reports/evaluate/<cell>/rule.json.
Writes    reports/embeddings.csv (model, strategy, set, image, label, error, sex, view, and x and y by PCA, t-SNE and
          UMAP: of at most explain.embedded test images and half as many of training, whole patients),
          reports/embeddings.json (of each network the purity of neighbourhoods by label, sex, view and set, and the
          variance that the two axes of PCA hold).
Promises  needs neither the models nor torch; the same files give the same pictures; what is undefined is empty, and
          null with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.cells import Cell
from thaw.command import arguments, run
from thaw.evaluation.rounding import rounded
from thaw.explain.decided import Decided, read_decided
from thaw.explain.embedding import Layouts, lay_out, unit_length
from thaw.explain.purity import neighbourhood_purity
from thaw.features import Features, read_features
from thaw.files import read_csv, read_json, write_csv, write_json
from thaw.params.read import read_params
from thaw.progress import progress
from thaw.subsets import draw_patients

LABELS, DATASET = Path("data/labels.csv"), Path("data/dataset.json")
TABLE, MEASURED = Path("reports/embeddings.csv"), Path("reports/embeddings.json")
DIGITS = 5
NONE, SEVERAL = "none", "several"
COLUMNS = ["model", "strategy", "set", "image", "label", "error", "sex", "view"]
RIGHT, WRONG = "right", "wrong"


def embed_cell(
    test: Features, train: Features, decided: Decided, labels: pd.DataFrame, classes: Sequence[str], most: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """One network's images in the plane, and how pure their neighbourhoods are.

    Args:
        test, train: features of test and of training images.
        decided: what it said of the test images.
        labels: ``data/labels.csv``.
        classes: in the order of its columns.
        most: test images at most, and half as many of training; whole patients.

    Returns:
        ``set``, ``image``, ``label``, ``error``, ``sex``, ``view`` and the six coordinates; purity and variance.
    """
    tested, trained = drawn(test, labels, classes, most), drawn(train, labels, classes, most // 2)
    images = np.concatenate([tested.images, trained.images]).astype(str)
    known = labels.set_index(labels["image"].astype(str)).loc[images].reset_index(drop=True)
    table = pd.DataFrame({
        "set": np.repeat(["test", "train"], [len(tested), len(trained)]),
        "image": images,
        "label": labels_in_words(known, classes),
        "error": pd.Series(images).map(errors(decided)).fillna(""),
        "sex": known["sex"].fillna("").astype("str"),
        "view": known["view"].fillna("").astype("str"),
    })  # fmt: skip
    features = unit_length(np.concatenate([tested.values, trained.values]))  # noqa: PD011 - of Features
    layouts = lay_out(features)
    measured = {"purity": purities(features, table, known["patient"].to_numpy(str)), "variance": layouts.variance}
    return pd.concat([table, coordinates(layouts)], axis=1), measured


def drawn(features: Features, labels: pd.DataFrame, classes: Sequence[str], most: int) -> Features:
    """Those of whole patients, at most so many images but of one patient at least, always the same."""
    table = labels.set_index(labels["image"].astype(str)).loc[features.images.astype(str)]
    kept = table["patient"].isin(draw_patients(table.reset_index(drop=True), classes, most)).to_numpy()
    return Features(features.images[kept], features.values[kept])  # noqa: PD011 - of Features


def labels_in_words(table: pd.DataFrame, classes: Sequence[str]) -> NDArray[np.str_]:
    """Each image's class, ``several`` or ``none``; empty where no class is known to be there and one is unknown."""
    labels = table[list(classes)].to_numpy(np.float64, na_value=np.nan)
    count = (labels == 1).sum(axis=1)
    alone = np.array(classes)[(labels == 1).argmax(axis=1)]
    without = np.where(np.isnan(labels).any(axis=1), "", NONE)
    words: NDArray[np.str_] = np.select([count == 1, count > 1], [alone, SEVERAL], without).astype(str)
    return words


def errors(decided: Decided) -> dict[str, str]:
    """Image → ``wrong`` if any of its classes is decided wrongly, ``right`` if none; empty if none is decided."""
    kinds = decided.kinds
    wrong = (kinds["false_positive"] | kinds["false_negative"]).any(axis=1)
    right = (kinds["true_positive"] | kinds["true_negative"]).any(axis=1)
    words = np.select([wrong, right], [WRONG, RIGHT], "")
    return dict(zip(decided.predictions.images.astype(str).tolist(), words.tolist(), strict=True))


def purities(features: NDArray[np.float64], table: pd.DataFrame, patients: NDArray[np.str_]) -> dict[str, Any]:
    """By label, sex and view among test images, by set among all: training changes how its own images lie."""
    tested = (table["set"] == "test").to_numpy()
    by_name = {
        name: neighbourhood_purity(features[tested], table[name].to_numpy(str)[tested], patients[tested])
        for name in ("label", "sex", "view")
    }
    return {**by_name, "set": neighbourhood_purity(features, table["set"].to_numpy(str), patients)}


def coordinates(layouts: Layouts) -> pd.DataFrame:
    """``pca_x``, ``pca_y`` and so on; empty where a method places nothing."""
    methods = {"pca": layouts.pca, "tsne": layouts.tsne, "umap": layouts.umap}
    axes = {f"{name}_{axis}": places[:, column] for name, places in methods.items() for column, axis in enumerate("xy")}
    return pd.DataFrame(axes).round(DIGITS)


def main() -> None:
    """Embed what every explained cell makes of the images."""
    arguments(__doc__)
    params: Any = read_params("compared", "explain.embedded", "models", "seeds")
    most, strategies = params.explain["embedded"], dict.fromkeys(params.compared)
    cells = [Cell(model, strategy, params.seeds[0]) for model in params.models for strategy in strategies]
    labels, dataset = read_csv(LABELS), read_json(DATASET)
    classes = dataset["classes"]
    tables = [pd.DataFrame(columns=COLUMNS)]
    measured: dict[str, dict[str, Any]] = {}
    for cell in progress(cells if most else [], "embedding", "networks", len(cells)):
        test, train = (read_features(cell.predict_folder / "features.npz", split) for split in ("test", "train"))
        decided = read_decided(cell, classes, dataset["task"])
        table, found = embed_cell(test, train, decided, labels, classes, most)
        table.insert(0, "model", cell.model)
        table.insert(1, "strategy", cell.strategy)
        tables.append(table)
        measured.setdefault(cell.model, {})[cell.strategy] = found
    write_csv(TABLE, pd.concat(tables, ignore_index=True))
    write_json(MEASURED, rounded(measured))


if __name__ == "__main__":
    run(main)
