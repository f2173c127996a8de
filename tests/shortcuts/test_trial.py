from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.planning.made import tiny
from tests.shortcuts.made import prepared, random_labels, unlike_pictures
from thaw.backbones.classifier import build_classifier
from thaw.backbones.stored import save_pretrained
from thaw.errors import UserError
from thaw.evaluation.bootstrap import Resampling
from thaw.files import write_json
from thaw.params.schema import Params
from thaw.prepared import Prepared
from thaw.shortcuts.leakage import measure_leakage
from thaw.shortcuts.scored import score
from thaw.shortcuts.shuffled import measure_shuffled
from thaw.shortcuts.trial import Trial, make_trial

MODEL = "resnet18"
PHASES = [{"thaw": "head", "epochs": 4, "lr": 0.05}]


def params_of(**changes: object) -> Params:
    strategies = {"frozen": PHASES, "scratch": [{**PHASES[0], "weights": "none"}]}
    names = {"strategy": "frozen", "compared": ["frozen"] * 3, "strategies": strategies}
    few = {"models": [MODEL], "weights": {MODEL: "none"}, "train__batch_size": 16, "train__frozen_views": 1}
    return tiny(**{**names, **few, **changes})


@pytest.fixture
def models(tmp_path: Path) -> Path:
    save_pretrained(tmp_path / f"pretrained/{MODEL}.safetensors", None, "none")
    return tmp_path


@pytest.fixture
def trial(models: Path, tmp_path: Path) -> Trial:
    return make_trial(params_of(), MODEL, "frozen", tmp_path / "kept", models)


@pytest.fixture(scope="module")
def bright_where_ill() -> Prepared:
    labels = random_labels(120, classes=1)
    pixels = np.clip(unlike_pictures(120) * 0.3 + 170 * labels[:, :1, None].astype(np.int64), 0, 255).astype(np.uint8)
    return prepared(labels, pixels)


def test_a_trial_learns_what_the_labels_say(trial: Trial, bright_where_ill: Prepared) -> None:
    made = trial.predict(bright_where_ill, 0)
    test = bright_where_ill.of("test")
    assert made.images.tolist() == test["image"].tolist()
    assert made.patients.tolist() == test["patient"].tolist()
    assert made.labels.tolist() == test[bright_where_ill.classes].to_numpy(int).tolist()
    found = score(made.labels, made.scores, Resampling.of(made.patients, 100))
    assert found.macro is not None
    assert found.macro > 0.9
    assert np.array_equal(trial.predict(bright_where_ill, 0).logits, made.logits)
    assert not np.array_equal(trial.predict(bright_where_ill, 1).logits, made.logits)


def test_on_shuffled_labels_a_strong_feature_gives_a_half(trial: Trial, bright_where_ill: Prepared) -> None:
    found = measure_shuffled(trial.predict, bright_where_ill, 200, 0.95, shufflings=3)
    assert found["passed"]
    assert found["low"] < 0.5 < found["high"]


def test_leakage_is_measured_with_trainings(trial: Trial) -> None:
    data = prepared(random_labels(60), unlike_pictures(60))
    found = measure_leakage(trial.predict, data, 0, 100, 0.95)
    assert found["patient"]["shared"] == 0 < found["image"]["shared"]


def test_pretrained_weights_and_the_precision_are_those_of_the_pipeline(models: Path, tmp_path: Path) -> None:
    tensors = build_classifier(MODEL, 1, 3).network.state_dict()
    backbone = {name: tensor for name, tensor in tensors.items() if not name.startswith("fc.")}
    save_pretrained(models / f"pretrained/{MODEL}.safetensors", backbone, "a test")
    write_json(models / f"probe/{MODEL}.json", {"precision": "bf16", "reason": ""})
    params = params_of(train__precision="auto", train__device="cpu", train__devices=2, seeds=[7])
    trial = make_trial(params, MODEL, "frozen", tmp_path / "kept", models)
    assert trial.pretrained is not None
    assert trial.pretrained.keys() == backbone.keys()
    assert (trial.precision, trial.device, trial.seed, trial.settings.devices) == ("bf16", torch.device("cpu"), 7, 1)
    assert make_trial(params, MODEL, "scratch", tmp_path / "kept", models).pretrained is None
    assert make_trial(params_of(train__cache_gib=0), MODEL, "frozen", tmp_path, models).store is None


def test_what_the_pipeline_has_not_made_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"pretrained/{MODEL}\.safetensors is missing; run dvc repro weights@{MODEL}$"):
        make_trial(params_of(), MODEL, "frozen", tmp_path, tmp_path)
    with pytest.raises(UserError, match=r"train\.precision is auto, and .* is missing; run"):
        make_trial(params_of(train__precision="auto", train__device="cpu"), MODEL, "scratch", tmp_path, tmp_path)


def test_an_empty_split_is_one_line(trial: Trial, bright_where_ill: Prepared) -> None:
    table = bright_where_ill.table
    empty = Prepared(bright_where_ill.pixels, table[table["split"] != "test"], ["Mass"], "multilabel", "", False)
    with pytest.raises(UserError, match="no image is left in test"):
        trial.predict(empty, 0)
