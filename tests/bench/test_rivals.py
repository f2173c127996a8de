"""The rivals of the pipeline: what they are given, what they print, and that nobody has other images than thaw."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest
import torch
from timm.data.dataset_factory import create_dataset
from torchvision.datasets import ImageFolder

from bench import pipeline
from bench.rivals import plain, timm_recipe, torchvision_recipe
from bench.rivals.contestants import Job, Outcome, check_images, rate, run_rival, run_thaw, store_weights, thaw_params
from bench.rivals.contract import (
    BACKBONES,
    PARTS,
    STRATEGIES,
    Settings,
    as_arguments,
    build_network,
    freeze,
    read_settings,
)
from bench.rivals.image_set import CLASSES, make_image_set
from thaw import strategies
from thaw.backbones.classifier import build_classifier
from thaw.backbones.stored import load_pretrained
from thaw.datasets import read_dataset
from thaw.params.read import read_params
from thaw.stages.split import make_split

FRACTIONS = {"train": 0.5, "val": 0.25, "test": 0.25}
IMAGES = {"train": 4, "val": 2, "test": 2}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight images of 32 x 32; with this seed every part has both classes."""
    folder = tmp_path_factory.mktemp("images") / "set"
    assert make_image_set(folder, 8, 32, seed=1, fractions=FRACTIONS) == IMAGES
    return folder


@pytest.fixture
def settings(data: Path) -> Settings:
    return Settings(data / "split", "resnet18", "frozen", 1, 2, 0.01, 32, 1, None, 0)


@pytest.fixture
def job(data: Path) -> Job:
    return Job(data, IMAGES, epochs=1, batch=2, size=32, threads=1)


def test_a_rival_reads_the_arguments_that_it_is_given(settings: Settings) -> None:
    assert read_settings(None, as_arguments(settings)) == settings
    weighty = dataclasses.replace(settings, weights=Path("w.safetensors"), strategy="full", lr=1e-3)
    assert read_settings(None, as_arguments(weighty)) == weighty


@pytest.mark.parametrize("change", [{"strategy": "norm"}, {"model": "resnet19"}])
def test_a_strategy_or_model_that_rivals_lack_is_refused(settings: Settings, change: dict[str, str]) -> None:
    with pytest.raises(SystemExit) as caught:
        read_settings(None, as_arguments(dataclasses.replace(settings, **change)))  # type: ignore[arg-type]
    assert caught.value.code == 2


@pytest.mark.parametrize("rival", [plain, torchvision_recipe, timm_recipe])
def test_a_rival_prints_one_line_of_json(
    rival: object, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["rival", *as_arguments(settings)])
    rival.main()  # type: ignore[attr-defined]
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert set(said) == {"seconds", "auroc", "images"}
    assert said["seconds"] > 0
    assert said["auroc"] in (0.0, 0.5, 1.0)  # one pair of test images
    assert said["images"] == IMAGES


def test_all_contenders_have_the_same_split(data: Path, job: Job, settings: Settings, tmp_path: Path) -> None:
    params_file = tmp_path / "params.yaml"
    params_file.write_text(thaw_params(job, "resnet18", "none", 0))
    params = read_params("dataset", "split", path=params_file)
    table = read_dataset(params.dataset).table
    split, notes = make_split(table, list(CLASSES), params.split)
    assert notes == []
    label = table.set_index("image")[list(CLASSES)].idxmax(axis=1)
    for part in PARTS:
        images = split.loc[split["split"] == part, "image"]
        expected = {Path(image).name: label[image] for image in images}
        assert len(expected) == IMAGES[part]
        assert expected == class_by_name(plain.make_sets(settings)[part])
        assert expected == class_by_name(torchvision_recipe.make_sets(settings)[part])
        theirs = create_dataset("", root=str(data / "split"), split=part)
        assert set(theirs.filenames(basename=True)) == set(expected)
    assert split.groupby("patient")["split"].nunique().max() == 1


def class_by_name(images: ImageFolder) -> dict[str, str]:
    return {Path(path).name: images.classes[label] for path, label in images.samples}


def test_parts_and_pool_are_the_same_files(data: Path) -> None:
    pooled = {path.name: path for path in (data / "pool").rglob("*.png")}
    dealt = list((data / "split").rglob("*.png"))
    assert len(dealt) == len(pooled) == 8
    assert all(path.samefile(pooled[path.name]) and path.parent.name == pooled[path.name].parent.name for path in dealt)


def test_a_part_without_a_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="8 images are too few: val lacks a class"):
        make_image_set(tmp_path, 8, 32, seed=0, fractions=FRACTIONS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("model", BACKBONES)
def test_rivals_train_the_parameters_that_thaw_trains(
    model: str, strategy: str, settings: Settings, job: Job, tmp_path: Path
) -> None:
    params_file = tmp_path / "params.yaml"
    params_file.write_text(thaw_params(job, model, "none", 0))
    (phase,) = read_params("strategies", path=params_file).strategies[strategy]
    (plan,) = strategies.plans(build_classifier(model, 2, 0), phase)
    own = dataclasses.replace(settings, model=model, strategy=strategy)
    network = build_network(own)
    freeze(network, own)
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert trained == {name for name, its_rate in plan.parameters.items() if its_rate is not None}


def test_rivals_start_from_the_tensors_that_thaw_starts_from(settings: Settings, tmp_path: Path) -> None:
    path = store_weights(tmp_path, "efficientnet_lite0", "imagenet")
    assert path is not None
    ours = build_classifier("efficientnet_lite0", 2, 0, load_pretrained(path), 64).network.eval()
    theirs = build_network(dataclasses.replace(settings, model="efficientnet_lite0", weights=path)).eval()
    theirs.get_submodule("classifier").load_state_dict(ours.get_submodule("classifier").state_dict())
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(theirs(images), ours(images))
    with pytest.raises(RuntimeError, match="state_dict for ResNet"):
        build_network(dataclasses.replace(settings, weights=path))


def test_no_weights_are_no_file(tmp_path: Path) -> None:
    assert store_weights(tmp_path, "resnet18", "none") is None


def test_learning_rates_are_those_of_the_parameters_or_of_torchvision(job: Job) -> None:
    assert [rate("plain script", name, 32) for name in STRATEGIES] == [0.01, 0.001, 0.001]
    assert rate("torchvision's recipe", "full", 32) == pytest.approx(0.0125)


def test_other_images_than_the_jobs_are_an_error(job: Job) -> None:
    check_images(IMAGES, job)
    with pytest.raises(RuntimeError, match="'test': 1"):
        check_images({**IMAGES, "test": 1}, job)


def outcome(seconds: float, auroc: float, shared: float = 0.0) -> Outcome:
    return Outcome(shared, dict.fromkeys(STRATEGIES, seconds), dict.fromkeys(STRATEGIES, auroc))


OUTCOMES = {
    "thaw": [outcome(10, 0.9, 10), outcome(10, 0.8, 10)],
    "plain script": [outcome(80, 0.9), outcome(64, 0.82)],
    "torchvision's recipe": [outcome(40, 0.7), outcome(40, 0.7)],
    "timm's recipe": [outcome(20, 0.85), outcome(24, 0.75)],
}


def test_goals_are_against_the_plain_script_and_the_fastest_recipe() -> None:
    assert pipeline.goal_rows("resnet18", OUTCOMES) == [
        ["resnet18", "plain script", "5.40 (4.80 to 6.00)", "5: met", "-0.010 (-0.020 to 0.000)",
         "-0.005: **missed**"],
        ["resnet18", "timm's recipe", "1.65 (1.50 to 1.80)", "2.5: **missed**", "0.050 (0.050 to 0.050)",
         "-0.005: met"],
    ]  # fmt: skip


def test_goals_are_of_those_that_took_part() -> None:
    without_plain = {name: OUTCOMES[name] for name in ("thaw", "timm's recipe")}
    assert [row[1] for row in pipeline.goal_rows("resnet18", without_plain)] == ["timm's recipe"]
    without_recipes = {name: OUTCOMES[name] for name in ("thaw", "plain script")}
    assert [row[1] for row in pipeline.goal_rows("resnet18", without_recipes)] == ["plain script"]


def test_a_row_has_ratio_seconds_and_auroc() -> None:
    assert pipeline.contender_row("resnet18", "thaw", OUTCOMES) == [
        "resnet18", "thaw", "1.00 (1.00 to 1.00)", "10.0", "10.0", "10.0", "10.0", "40.0", "0.850", "0.850", "0.850",
    ]  # fmt: skip
    missing = pipeline.contender_row("resnet18", "fastai", OUTCOMES)
    assert missing == ["resnet18", "fastai", "not installed", *[""] * 8]


@pytest.mark.pipeline
def test_thaw_and_a_rival_run_in_processes_of_their_own(job: Job) -> None:
    for done in (run_thaw(job, "resnet18", "none", 0), run_rival("timm's recipe", job, "resnet18", None, 0)):
        assert set(done.seconds) == set(done.auroc) == set(STRATEGIES)
        assert done.total == done.shared + sum(done.seconds.values())
        assert all(value in (0.0, 0.5, 1.0) for value in done.auroc.values())
