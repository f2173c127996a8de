"""The explain stage on a small network and the files that the stages before it leave."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from ruamel.yaml import YAML
from scipy.special import expit

from thaw.backbones.classifier import build_classifier
from thaw.backbones.stored import save_pretrained
from thaw.cells import Cell
from thaw.errors import UserError
from thaw.explain.heat_maps import heat_maps
from thaw.explain.maps import read_maps, shrink
from thaw.features import write_features
from thaw.files import read_csv, write_csv, write_json
from thaw.prepared import load_prepared
from thaw.stages import explain
from thaw.stages.predict import predict_cell
from thaw.training.saved import load_model, save_model

REPOSITORY = Path(__file__).parents[2]
CLASSES, CELL = ["Mass", "Edema"], Cell("resnet18", "full", 0)
COUNT, SIZE = 24, 64
BLOCKS = ["stem", "layer1", "layer2", "layer3", "layer4"]
SHOWN = [("resnet18", "Mass", "00.png"), ("resnet18", "Edema", "00.png"), ("vgg16", "Mass", "02.png")]
Told = dict[str, Any]
Explain = Callable[..., tuple[Told, Told]]


def write_data() -> None:
    """Images of as many patients: half are trained on, every fourth is validated on, the others are tested on."""
    names, random = [f"{number:02}.png" for number in range(COUNT)], np.random.default_rng(0)
    patients = [f"0{number}" for number in range(COUNT)]
    table = pd.DataFrame({"image": names, "patient": patients})
    for number, name in enumerate(CLASSES):
        table[name] = (np.arange(COUNT) // 4 + number) % 2
    table.loc[0, "Mass"] = 1
    covariates = {"sex": "F", "age": 50, "view": "PA", "follow_up": 0, "source_split": ""}
    write_csv(Path("data/labels.csv"), table.assign(**covariates))
    splits = ["test", "train", "val", "train"] * (COUNT // 4)
    write_csv(Path("data/split.csv"), table[["image", "patient"]].assign(split=splits, fold=np.nan))
    write_csv(Path("data/images.csv"), pd.DataFrame({"row": range(COUNT), "image": names}))
    np.save("data/images.npy", random.integers(0, 256, (COUNT, SIZE, SIZE)).astype(np.uint8))
    told = {"title": "T", "task": "multilabel", "classes": CLASSES, "synthetic": True}
    write_json(Path("data/dataset.json"), told)


def write_boxes(*boxes: tuple[str, str]) -> None:
    columns = ["image", "class", "left", "top", "width", "height", "picture_width", "picture_height"]
    write_csv(Path("data/boxes.csv"), pd.DataFrame([(*box, 0, 0, 64, 128, 128, 128) for box in boxes], columns=columns))


def write_model(weights: str) -> None:
    """The network as it begins with random weights; ``weights``: what it is said to have begun with."""
    description = {
        "model": "resnet18", "classes": CLASSES, "seed": 0, "task": "multilabel", "input": {"size": [SIZE, SIZE]},
        "precision": "fp32", "phases": [{"weights": weights}],
    }  # fmt: skip
    save_model(CELL.model_folder, build_classifier("resnet18", 2, 0, size_px=SIZE), description)


def write_reports() -> None:
    predictions, features = predict_cell(CELL, load_prepared(), 8)
    write_csv(CELL.predict_folder / "predictions.csv", predictions)
    write_features(CELL.predict_folder / "features.npz", features)
    tested = predictions[predictions["split"] == "test"]
    middle = {name: float(expit(tested[f"logit_{name}"]).median()) for name in CLASSES}
    calibration = {"method": "none", "task": "multilabel", "parameters": {}}
    write_json(CELL.evaluate_folder / "rule.json", {"calibration": calibration, "thresholds": middle})
    rows = [(model, name, "true_positive", 1, image) for model, name, image in SHOWN]
    write_csv(Path("reports/gallery.csv"), pd.DataFrame(rows, columns=["model", "class", "kind", "place", "image"]))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the stage reads but params.yaml."""
    folder = tmp_path_factory.mktemp("made")
    with contextlib.chdir(folder):
        write_data()
        write_boxes(("00.png", "Mass"), ("00.png", "Edema"), ("04.png", "Mass"), ("01.png", "Mass"), ("08.png", "Mass"))
        write_model("pretrained")
        other = build_classifier("resnet18", 2, 9).network.state_dict()
        backbone = {name: tensor for name, tensor in other.items() if not name.startswith("fc.")}
        save_pretrained(Path("models/pretrained/resnet18.safetensors"), backbone, "made up")
        write_reports()
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Explain:
    """Runs the stage in a copy of that folder; returns explain.json and failures.json."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["explain", "resnet18", "full", "0"])

    def run(**settings: Any) -> tuple[Told, Told]:
        params = YAML(typ="safe").load(REPOSITORY / "params.yaml")
        params["models"], params["preprocess"]["size"] = ["resnet18"], SIZE
        params["explain"] |= {"failures": 1, "neighbours": 2, "images": 4, "steps": 2, **settings}
        YAML(typ="safe").dump(params, Path("params.yaml"))
        explain.main()
        explained, failures = (
            json.loads((CELL.explain_folder / name).read_text()) for name in ("explain.json", "failures.json")
        )
        return explained, failures

    return run


def test_all_that_is_explained(run: Explain) -> None:
    explained, told = run()
    assert list(explained) == ["method", "block", "localisation", "faithfulness", "randomisation", "similarity"]
    assert (explained["method"], explained["block"]) == ("gradcam", "layer4")
    # 01 is trained on, and 08 has no Mass
    localisation = explained["localisation"]
    for network in ("trained", "untrained"):
        assert {name: localisation[network][name] for name in ("maps", "images", "area")} == {
            "maps": 3, "images": 2, "area": 0.5,
        }  # fmt: skip
    assert localisation["reason"] is None
    faithfulness = explained["faithfulness"]
    assert (faithfulness["reason"], faithfulness["images"], faithfulness["fractions"]) == (None, 2, [0, 0.5, 1])
    randomisation = explained["randomisation"]
    assert (randomisation["reason"], randomisation["images"]) == (None, 2)
    assert [one["block"] for one in randomisation["blocks"]] == ["head", *reversed(BLOCKS)]
    assert [one["block"] for one in explained["similarity"]] == BLOCKS
    assert all(0 <= one["cka"] <= 1 for one in explained["similarity"])
    assert min(one["cka"] for one in explained["similarity"]) < 0.9
    assert all(len(one["neighbours"]) == 2 for one in told["failures"])
    assert {one["class"] for one in told["failures"]} == set(CLASSES)


def test_maps_of_the_gallery_and_of_the_failures_each_once(run: Explain) -> None:
    _, told = run(images=0, failures=2)
    maps = read_maps(CELL.explain_folder / "maps.npz")
    failed = [(one["image"], one["class"]) for one in told["failures"]]
    assert list(maps) == list(dict.fromkeys([("00.png", "Mass"), ("00.png", "Edema"), *failed]))
    classifier, _ = load_model(CELL.model_folder)
    rows = np.array([int(image[:2]) for image, _ in maps])
    targets = np.array([CLASSES.index(name) for _, name in maps])
    pixels = np.load("data/images.npy")[rows]
    expected = shrink(heat_maps(classifier, "resnet18", pixels, targets, "gradcam", None, torch.device("cpu")))
    assert np.abs(np.stack(list(maps.values())).astype(int) - expected).max() <= 1


def test_two_runs_write_the_same_bytes(run: Explain) -> None:
    written = []
    for _ in range(2):
        run(images=1)
        files = sorted(CELL.explain_folder.iterdir())
        written.append({file.name: file.read_bytes() for file in files})
    assert written[0] == written[1]
    assert list(written[0]) == ["explain.json", "failures.json", "maps.npz"]


def test_where_no_images_are_wanted_nothing_is_measured_and_it_is_said(run: Explain) -> None:
    explained, told = run(images=0, failures=0)
    assert explained["localisation"] == {"reason": "explain.images is 0", "trained": None, "untrained": None}
    for name in ("faithfulness", "randomisation"):
        assert (explained[name]["reason"], explained[name]["images"]) == ("explain.images is 0", 0)
    assert explained["randomisation"]["blocks"] == explained["similarity"] == told["failures"] == []


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [((), "the set has no boxes"), ((("01.png", "Mass"),), "no test image has a box of a class that it is labelled")],
)
def test_without_boxes_other_positive_images_are_measured(
    boxes: tuple[tuple[str, str], ...], reason: str, run: Explain
) -> None:
    write_boxes(*boxes)
    explained, _ = run(images=2)
    assert explained["localisation"]["reason"].startswith(reason)
    assert explained["localisation"]["trained"] is explained["localisation"]["untrained"] is None
    assert [explained[name]["images"] for name in ("faithfulness", "randomisation")] == [2, 2]


def test_what_was_trained_from_scratch_is_compared_with_the_network_it_began_as(run: Explain) -> None:
    write_model("none")
    explained, _ = run()
    assert [one["cka"] for one in explained["similarity"]] == [1.0] * len(BLOCKS)


def test_a_block_that_the_network_does_not_have_is_one_line(run: Explain) -> None:
    with pytest.raises(UserError, match=r"^explain\.block: layer5: resnet18 has no such block; use one of .*layer4"):
        run(block="layer5")


def test_a_missing_model_is_one_line(run: Explain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["explain", "resnet18", "frozen", "0"])
    with pytest.raises(UserError, match=r"models/trained/resnet18/frozen/0 holds no trained model"):
        run()


def test_labels_are_those_of_the_table(run: Explain) -> None:
    _, told = run(images=0)
    labels = read_csv(Path("data/labels.csv")).set_index("image")
    told_images = [one for failure in told["failures"] for one in (failure, *failure["neighbours"])]
    for one in told_images:
        assert one["labels"] == [name for name in CLASSES if labels.loc[one["image"], name] == 1]
