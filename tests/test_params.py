"""params.yaml is an interface: every wrong key or value ends in one line that helps."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from thaw.errors import UserError
from thaw.params.read import read_params, validate

ROOT = Path(__file__).parents[1]


@pytest.fixture
def content() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(ROOT / "params.yaml")
    return loaded


def changed(content: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(content)
    *path, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    section: Any = result
    for part in path:
        section = section[part]
    section[last] = value
    return result


def error_of(content: object) -> str:
    with pytest.raises(UserError) as caught:
        validate(content)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_committed_parameters_are_valid(content: dict[str, Any]) -> None:
    assert validate(content).strategy in content["strategies"]


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("datset", 1, ["datset", "dataset", "did you mean 'dataset'"]),
        ("dataset.nam", "x", ["dataset.nam", "name, path", "did you mean 'name'"]),
        ("strategies.full.0.lrr", 1.0, ["strategies.full.0.lrr", "did you mean 'lr'"]),
        ("dataset.name", "fantom", ["dataset.name", "'fantom'", "phantom, nih, pneumonia", "did you mean 'phantom'"]),
        ("train.optimizer", "adamv", ["train.optimizer", "'adamv'", "adamw, adam, sgd", "did you mean 'adam"]),
        ("split.train", 0.8, ["split", "1.1", "add up to 1"]),
        ("split.train", "0.7", ["split.train", "'0.7'", "number"]),
        ("split.val", 0.0, ["split.val", "0.0", "greater than 0"]),
        ("train.batch_size", 1, ["train.batch_size", "1", "greater than or equal to 2"]),
        ("train.mirror", 1, ["train.mirror", "boolean"]),
        ("train", None, ["train", "None", "batch_size, accumulate, optimizer"]),
        ("strategies.full.0.lr", "1e-06", ["strategies.full.0.lr", "'1e-06'", "number"]),
        ("strategies.full.0.lr", float("nan"), ["strategies.full.0.lr", "nan", "0"]),
        ("strategies.full.0.epochs", 2.5, ["strategies.full.0.epochs", "2.5", "integer"]),
        ("strategies.full.0.thaw", "al", ["strategies.full.0.thaw", "'al'", "{last: N}", "did you mean 'all'"]),
        ("strategies.full.0.thaw", {"last": -1}, ["strategies.full.0.thaw", "{'last': -1}", "N from 0"]),
        ("strategies.full.0.thaw", {"last": "0..9"}, ["strategies.full.0", "10 steps", "as many epochs", "it has 5"]),
        ("strategies.full.0.thaw", ["norm", "hed"], ["strategies.full.0.thaw", "did you mean 'head'"]),
        ("strategies.full.0.schedule", "cosin", ["strategies.full.0.schedule", "one_cycle", "did you mean 'cosine'"]),
        ("strategies.full.0.schedule", {"step": 0}, ["strategies.full.0.schedule", "{step: epochs}"]),
        ("strategies.full.0.warmup", 5.0, ["strategies.full.0", "warmup 5", "shorter than the phase's 5 epochs"]),
        ("strategies.progressive.1.weights", "none", ["strategies.progressive", "first phase"]),
        ("strategies.full.0.thaw", {"lst": 1}, ["strategies.full.0.thaw", "did you mean 'last'"]),
        ("strategies.full", [], ["strategies.full", "at least 1"]),
        ("strategies.Full", [], ["strategies.Full", "small letters"]),
        ("strategy", "ful", ["strategy", "'ful'", "frozen, partial, full", "did you mean 'full'"]),
        ("models", ["resnet19"], ["models.0", "'resnet19'", "did you mean 'resnet18'"]),
        ("models", [], ["models", "at least 1"]),
        ("weights.resnet5", "imagenet", ["weights.resnet5", "did you mean 'resnet50'"]),
        ("train.schedule", {"plateu": 1}, ["train.schedule", "did you mean 'plateau'"]),
        ("train.augment", "mdical", ["train.augment", "randaugment", "did you mean 'medical'"]),
        ("train.compile", "maybe", ["train.compile", "'maybe'", "auto, true or false"]),
        ("train.clip_norm", 0.0, ["train.clip_norm", "0.0", "greater than 0"]),
        ("train.loss.nam", "x", ["train.loss.nam", "did you mean 'name'"]),
        ("train.loss.name", "focl", ["train.loss.name", "standard, focal", "did you mean 'focal'"]),
        ("train.loss.alpha", 1.0, ["train.loss.alpha", "1.0", "less than 1"]),
        ("train.loss.hardest", 0.0, ["train.loss.hardest", "greater than 0"]),
        ("train.loss", None, ["train.loss", "None", "name, gamma, alpha"]),
        ("compared", ["frozen", "full"], ["compared", "at least 3"]),
        ("compared", ["frozen", "full", "partal"], ["compared.2", "'partal'", "did you mean 'partial'"]),
        ("folds", [2], ["folds", "[2]", "split.folds, which is null"]),
        ("folds", [1], ["folds.0", "1", "greater than or equal to 2"]),
        ("split.folds", 2, ["split.folds", "2", "greater than or equal to 3"]),
        ("subsets", [500, 500], ["subsets", "twice"]),
        ("seeds", [0, 0], ["seeds", "[0, 0]", "twice"]),
        ("dataset.patient_pattern", "abc", ["dataset.patient_pattern", "'abc'", "no group"]),
        ("dataset.patient_pattern", "(", ["dataset.patient_pattern", "'('", "not a regular expression"]),
        ("dataset.columns.labels", 3, ["dataset.columns.labels", "3", "one column"]),
        ("preprocess.crop_from", 100, ["preprocess", "crop_from 100", "size 224"]),
    ],
)
def test_a_wrong_key_or_value_is_named_with_what_is_allowed(
    content: dict[str, Any], place: str, value: Any, words: list[str]
) -> None:
    message = error_of(changed(content, place, value))
    assert message.startswith("params.yaml: ")
    for word in words:
        assert word in message


def test_a_missing_key_is_named(content: dict[str, Any]) -> None:
    del content["train"]["optimizer"]
    assert error_of(content) == "params.yaml: train.optimizer is missing"


def test_a_model_without_weights_is_named(content: dict[str, Any]) -> None:
    del content["weights"]["resnet18"]
    assert "models.0: 'resnet18'" in error_of(changed(content, "models", ["resnet18"]))


def test_folds_go_with_a_split_by_patient_and_up_to_their_number(content: dict[str, Any]) -> None:
    content["split"]["folds"] = 5
    assert validate({**content, "folds": [2, 5]}).folds == [2, 5]
    message = error_of({**content, "folds": [2, 6]})
    assert message == "params.yaml: folds: 6 is not allowed; split.folds is 5, so use 2 to 5"
    content["split"]["by"] = "lists"
    assert "split: " in (message := error_of(content))
    assert "folds 5 go with by: patient alone" in message


def test_the_file_is_yaml_1_2_as_dvc_writes_it(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text().replace("lr: 0.01", "lr: 1e-06")
    (tmp_path / "params.yaml").write_text(text)
    params = read_params("strategies", path=tmp_path / "params.yaml")
    assert params.strategies["frozen"][0].lr == 1e-6


@pytest.mark.parametrize("text", ["a: [1", "a: 1\na: 2", ""])
def test_a_file_that_is_not_yaml_or_empty_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=r"params\.yaml"):
        read_params(path=tmp_path / "params.yaml")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing"):
        read_params(path=tmp_path / "params.yaml")


def test_a_stage_sees_only_what_it_declares() -> None:
    params = read_params("train", "strategies.full", path=ROOT / "params.yaml")
    assert params.train.batch_size > 0
    assert list(params.strategies) == ["full"]
    with pytest.raises(AttributeError, match="split"):
        _ = params.split


def test_an_entry_that_is_missing_is_told(tmp_path: Path) -> None:
    params = read_params("strategies.frozn", path=ROOT / "params.yaml")
    with pytest.raises(UserError, match=r"strategies\.frozn.*did you mean 'frozen'"):
        _ = params.strategies
