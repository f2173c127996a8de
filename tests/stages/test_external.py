"""The stages external_data and external on small sets, after the stages of the main set."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from ruamel.yaml import YAML

from thaw.backbones.classifier import build_classifier
from thaw.errors import UserError
from thaw.stages import external, external_data, labels, preprocess, split
from thaw.training.batches import Examples
from thaw.training.inference import predict_logits
from thaw.training.saved import load_model, save_model

REPOSITORY = Path(__file__).parents[2]
CLASSES = ["NORMAL", "PNEUMONIA"]
FINDINGS = ["COVID-19", "COVID-19, ARDS", "Tuberculosis", "No Finding"] * 3
DESCRIPTION = {
    "model": "resnet18", "classes": CLASSES, "seed": 0, "task": "multiclass", "input": {"size": [32, 32]},
    "precision": "fp32",
}  # fmt: skip
Run = Callable[..., str]


def picture(number: int, brightness: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 100, (40, 40)) + brightness
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def write_sets(folder: Path) -> None:
    """The main set, dark, in a folder a class; the other one, bright, in the form of covid's, one picture broken."""
    for number in range(30):
        place = folder / "main" / CLASSES[number % 2] / f"p{number // 2}_{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(picture(number, 0))
    (folder / "other/images").mkdir(parents=True)
    rows = ["patientid,finding,view,modality,filename"]
    for number, finding in enumerate(FINDINGS):
        (folder / f"other/images/{number:02}.png").write_bytes(picture(100 + number, 150) if number else b"broken")
        rows.append(f'{number // 2},"{finding}",PA,X-ray,{number:02}.png')
    (folder / "other/metadata.csv").write_text("\n".join(rows) + "\n")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a stage in a folder with both sets, their parameters and one cell's model; returns what it prints."""
    monkeypatch.chdir(tmp_path)
    write_sets(tmp_path)
    select({"PNEUMONIA": ["COVID-19"], "NORMAL": ["No Finding"]})
    save_model(Path("models/trained/resnet18/full/0"), build_classifier("resnet18", 2, 0, size_px=32), DESCRIPTION)

    def run(stage: ModuleType, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["stage", *arguments])
        stage.main()
        return capsys.readouterr().out

    for stage in (labels, split, preprocess):
        run(stage)
    return run


def select(classes: dict[str, list[str]]) -> None:
    content = YAML(typ="safe").load(REPOSITORY / "params.yaml")
    content["dataset"] |= {"name": "folder", "path": "main", "patient_pattern": "(p[0-9]+)_"}
    content["preprocess"] |= {"size": 32, "max_quarantined": 0.1}
    content["evaluate"] |= {"batch_size": 8, "resamples": 100}
    content["evaluate"]["external"] = [{"name": "covid", "dataset": "covid", "path": "other", "classes": classes}]
    YAML(typ="safe").dump(content, Path("params.yaml"))


def described() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path("data/external/covid/dataset.json").read_text())
    return content


def test_the_other_set_is_prepared_like_the_main_one(run: Run) -> None:
    said = run(external_data, "covid")
    assert "covid: PNEUMONIA: 6 with, 3 without, 3 unknown" in said
    content = described()
    assert (content["name"], content["task"], content["images"]) == ("covid", "multilabel", 12)
    assert content["mapped"]["NORMAL"] == {"with": 3, "without": 6, "unknown": 3}
    table = pd.read_csv("data/external/covid/labels.csv", keep_default_na=False)
    assert table.columns[:5].tolist() == ["image", "patient", "ARDS", "COVID-19", "Tuberculosis"]
    pixels = np.load("data/external/covid/images.npy")
    assert (pixels.shape, np.load("data/images.npy").shape) == ((12, 32, 32), (30, 32, 32))
    rows = pd.read_csv("data/external/covid/images.csv")
    assert rows["row"].tolist() == list(range(1, 12))
    assert pd.read_csv("data/external/covid/quality.csv")["image"].tolist() == ["images/00.png"]


def test_the_model_predicts_every_image_in_its_own_classes(run: Run) -> None:
    run(external_data, "covid")
    said = run(external, "resnet18", "full", "0", "covid")
    folder = Path("reports/predict/resnet18/full/0/external/covid")
    table = pd.read_csv(folder / "predictions.csv")
    columns = ["image", "patient", "label_NORMAL", "label_PNEUMONIA", "logit_NORMAL", "logit_PNEUMONIA"]
    assert table.columns.tolist() == columns
    assert table["image"].tolist() == [f"images/{number:02}.png" for number in range(1, 12)]
    assert table.loc[:2, "label_PNEUMONIA"].tolist()[0] == 1
    assert table["label_PNEUMONIA"].isna().tolist() == [False, True, False, False] * 2 + [False, True, False]
    classifier, _ = load_model(Path("models/trained/resnet18/full/0"))
    examples = Examples(np.load("data/external/covid/images.npy"), np.arange(1, 12), np.zeros((11, 2), np.int64))
    expected = predict_logits(classifier, examples, 8, torch.device("cpu"), "fp32")
    assert table[columns[4:]].to_numpy() == pytest.approx(expected, abs=1e-5)
    domain = json.loads((folder / "domain.json").read_text())
    tested = (pd.read_csv("data/split.csv")["split"] == "test").sum()
    assert domain["images"] == [tested, 11]
    assert domain["auroc"] > 0.9
    assert domain["sentence"] in said


def test_two_runs_write_the_same_bytes(run: Run) -> None:
    run(external_data, "covid")
    files = [
        Path("reports/predict/resnet18/full/0/external/covid", name) for name in ("predictions.csv", "domain.json")
    ]
    written = []
    for _ in range(2):
        run(external, "resnet18", "full", "0", "covid")
        written.append([file.read_bytes() for file in files])
    assert written[0] == written[1]


def test_what_the_user_can_get_wrong_is_one_line(run: Run) -> None:
    with pytest.raises(UserError, match=r"^evaluate\.external has no set 'covd'; use one of covid"):
        run(external_data, "covd")
    select({"PNEUMONIA": ["COVID"]})
    with pytest.raises(UserError, match=r"classes\.PNEUMONIA: the set has no class 'COVID'; use one of .*'COVID-19'\?"):
        run(external_data, "covid")
    with pytest.raises(UserError, match="the seed is 'x': give a whole number"):
        run(external, "resnet18", "full", "x", "covid")
    with pytest.raises(UserError, match=r"models/trained/resnet18/frozen/0 holds no trained model"):
        run(external, "resnet18", "frozen", "0", "covid")
