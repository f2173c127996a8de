"""The stage embeddings on files as the stages before it write them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from thaw.cells import Cell
from thaw.evaluation.calibration import Calibration
from thaw.evaluation.predictions import Predictions
from thaw.evaluation.rule import DecisionRule
from thaw.explain.decided import Decided
from thaw.explain.embedding import principal_components, unit_length
from thaw.features import Features, write_features
from thaw.files import read_csv, read_json, write_csv, write_json
from thaw.stages import embeddings

REPOSITORY = Path(__file__).parents[2]
CLASSES = ["Mass", "Edema"]
LABELS = pd.DataFrame({
    "image": ["r1", "t1", "t2", "t3", "v1"], "patient": ["007", "1", "2", "3", "NA"],
    "Mass": [0, 1, 1, 0, 0], "Edema": pd.array([0, 0, 1, None, 1], "Int64"),
    "sex": ["", "F", "M", "M", "F"], "view": ["PA", "PA", "PA", "PA", "AP"],
})  # fmt: skip
VALUES = np.array([[1, 0, 0.5], [0, 2, 0], [0, 1, 1], [3, 0, 0]], np.float32)
CALIBRATION = Calibration("none", "multilabel", {})
PICTURES = ["pca_x", "pca_y", "tsne_x", "tsne_y", "umap_x", "umap_y"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three test images and one of training, seen by two networks; the second is wrong about t1 too."""
    write_csv(tmp_path / "data/labels.csv", LABELS)
    write_json(tmp_path / "data/dataset.json", {"task": "multilabel", "classes": CLASSES})
    params: dict[str, Any] = YAML(typ="safe").load(REPOSITORY / "params.yaml")
    params |= {"models": ["resnet18"], "seeds": [3, 4], "strategy": "full", "compared": ["frozen", "full", "full"]}
    YAML(typ="safe").dump(params, tmp_path / "params.yaml")
    for strategy, mass in (("frozen", [2, -1, -2]), ("full", [-2, -1, -2])):
        cell = Cell("resnet18", strategy, 3)
        parts = {
            "test": Features(np.array(["t1", "t2", "t3"]), VALUES[:3]),
            "train": Features(np.array(["r1"]), VALUES[3:]),
        }
        write_features(tmp_path / cell.predict_folder / "features.npz", parts)
        said = LABELS.iloc[[4, 1, 2, 3]].rename(columns={name: f"label_{name}" for name in CLASSES})
        said = said.assign(split=["val", "test", "test", "test"], logit_Mass=[0, *mass], logit_Edema=0.0)
        write_csv(tmp_path / cell.predict_folder / "predictions.csv", said.drop(columns=["sex", "view"]))
        rule = DecisionRule(tuple(CLASSES), CALIBRATION, (0.5, None))
        write_json(tmp_path / cell.evaluate_folder / "rule.json", rule.to_json())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["embeddings"])
    return tmp_path


def test_the_stage_writes_both_files(project: Path) -> None:
    embeddings.main()
    table = pd.read_csv(
        project / "reports/embeddings.csv", keep_default_na=False, na_values=dict.fromkeys(PICTURES, "")
    )
    assert list(table) == ["model", "strategy", "set", "image", "label", "error", "sex", "view", *PICTURES]
    assert table[table["strategy"] == "frozen"].iloc[:, 2:8].to_numpy().tolist() == [
        ["test", "t1", "Mass", "right", "F", "PA"], ["test", "t2", "several", "wrong", "M", "PA"],
        ["test", "t3", "", "right", "M", "PA"], ["train", "r1", "none", "", "", "PA"],
    ]  # fmt: skip
    assert table.loc[table["strategy"] == "full", "error"].tolist() == ["wrong", "wrong", "right", ""]
    places, shares = principal_components(unit_length(VALUES.astype(np.float16)), 2)
    assert table[["pca_x", "pca_y"]].to_numpy()[:4] == pytest.approx(places, abs=1e-5)
    assert table[PICTURES[2:]].isna().all().all()  # four images are too few
    measured = json.loads((project / "reports/embeddings.json").read_text())
    assert {model: list(strategies) for model, strategies in measured.items()} == {"resnet18": ["frozen", "full"]}
    assert measured["resnet18"]["frozen"] == {
        "purity": {
            "label": {"value": 0.0, "chance": 0.0, "reason": None},
            "sex": {"value": pytest.approx(1 / 3, abs=1e-6), "chance": pytest.approx(1 / 3, abs=1e-6), "reason": None},
            "view": {"value": None, "chance": None, "reason": "the same for all images"},
            "set": {"value": 0.5, "chance": 0.5, "reason": None},
        },
        "variance": pytest.approx(shares.sum(), abs=1e-6),
    }


def test_the_same_files_give_the_same_bytes_and_torch_is_not_needed(project: Path) -> None:
    embeddings.main()
    first = [(project / f"reports/embeddings.{end}").read_bytes() for end in ("csv", "json")]
    program = "import sys; from thaw.stages.embeddings import main; main(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=project)
    assert [(project / f"reports/embeddings.{end}").read_bytes() for end in ("csv", "json")] == first


def many(count: int) -> tuple[Features, pd.DataFrame]:
    """Two images a patient; features of three kinds, as their label says."""
    random = np.random.default_rng(0)
    kind = np.arange(count) // 2 % 3
    labels = pd.DataFrame({
        "image": [f"{place:03d}" for place in range(count)], "patient": [f"p{place // 2}" for place in range(count)],
        **{name: (kind == number).astype(int) for number, name in enumerate("ABC")}, "sex": "", "view": "PA",
    })  # fmt: skip
    values = np.eye(3)[kind] * 4 + random.normal(size=(count, 3)) * 0.1
    return Features(labels["image"].to_numpy(str), values.astype(np.float32)), labels


def test_drawn_images_are_of_whole_patients_and_not_too_many() -> None:
    features, labels = many(60)
    some = embeddings.drawn(features, labels, list("ABC"), 21)
    assert len(some) == 20
    patients = labels.set_index("image").loc[some.images, "patient"]
    assert (patients.value_counts() == 2).all()
    assert set(some.images) < set(embeddings.drawn(features, labels, list("ABC"), 40).images)
    assert some.values.tolist() == features.values[np.isin(features.images, some.images)].tolist()  # noqa: PD011


def decided(
    logits: list[list[float]], labels: list[list[int]], task: str, thresholds: tuple[float | None, ...]
) -> Decided:
    names = np.array([str(place) for place in range(len(labels))], dtype=object)
    classes = tuple("ABC"[: len(thresholds)])
    said = Predictions(names, names, np.array(labels, np.int8), np.array(logits, np.float64), classes, task)
    return Decided(said, DecisionRule(classes, Calibration("none", task, {}), thresholds))


def test_several_labels_are_judged_at_fitted_thresholds_and_unknown_ones_passed_over() -> None:
    labels = [[1, 0], [1, 1], [1, 0], [-1, 0], [-1, -1]]
    logits = [[1, -1], [1, -1], [-1, -1], [3, -1], [1, 1]]
    found = embeddings.errors(decided(logits, labels, "multilabel", (0.5, 0.5)))
    assert found == {"0": "right", "1": "wrong", "2": "wrong", "3": "right", "4": ""}
    found = embeddings.errors(decided(logits, labels, "multilabel", (0.2, None)))
    assert found == {"0": "right", "1": "right", "2": "right", "3": "", "4": ""}


def test_one_label_is_judged_by_the_likeliest_class_whatever_the_thresholds() -> None:
    logits, labels = [[0, 1, 0.5], [3, 2, 1]], [[0, 1, 0], [0, 1, 0]]
    assert embeddings.errors(decided(logits, labels, "multiclass", (None, 0.99, 0.0))) == {"0": "right", "1": "wrong"}


def test_labels_in_words() -> None:
    table = pd.DataFrame({"A": [1, 1, 0, 0, 1], "B": pd.array([0, 1, 0, None, None], "Int64")})
    assert embeddings.labels_in_words(table, ["A", "B"]).tolist() == ["A", "several", "none", "", "A"]


@pytest.mark.pipeline  # compiling UMAP takes ten seconds
def test_neighbours_have_one_label_where_the_features_say_it() -> None:
    features, labels = many(60)
    test = Features(features.images[:40], features.values[:40])  # noqa: PD011
    train = Features(features.images[40:], features.values[40:])  # noqa: PD011
    logits, truth = np.zeros((40, 3)), labels[list("ABC")].to_numpy()[:40]
    said = Predictions(
        test.images.astype(object),
        test.images.astype(object),
        truth.astype(np.int8),
        logits,
        tuple("ABC"),
        "multiclass",
    )
    judged = Decided(said, DecisionRule(tuple("ABC"), Calibration("none", "multiclass", {}), (0.5, 0.5, 0.5)))
    table, measured = embeddings.embed_cell(test, train, judged, labels, list("ABC"), 100)
    assert table["set"].tolist() == ["test"] * 40 + ["train"] * 20
    assert table[PICTURES].notna().all().all()
    assert measured["purity"]["label"]["value"] > 0.9 > 0.5 > measured["purity"]["label"]["chance"]
    assert (table["error"] == "right").sum() == (truth[:, 0] == 1).sum()


def test_no_images_asked_for_is_tables_without_rows(project: Path) -> None:
    params = YAML(typ="safe").load(project / "params.yaml")
    params["explain"]["embedded"] = 0
    YAML(typ="safe").dump(params, project / "params.yaml")
    embeddings.main()
    assert read_csv(project / "reports/embeddings.csv").empty
    assert read_json(project / "reports/embeddings.json") == {}
