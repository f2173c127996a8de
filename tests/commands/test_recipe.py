"""The command: a recipe changes what it says and nothing else, is shown, and is told where it is wrong."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from thaw.__main__ import main
from thaw.command import run
from thaw.commands.recipe import applied, changes, figures
from thaw.errors import UserError
from thaw.params.read import read_params, validate
from thaw.recipes import Recipe, read_recipe, recipe_files
from thaw.yaml_edit import load

ROOT = Path(__file__).parents[2]
FILES = recipe_files(ROOT / "recipes")
PARAMS = (ROOT / "params.yaml").read_text(encoding="utf-8")

OWN = """\
title: Mine
about: My own.
source: me
published: []
thaw: []
params: {train: {optimizer: sgd}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of params.yaml and recipes/, which the command works on."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["thaw", "recipe", *arguments])
    main()


def apply(name: str, text: str = PARAMS) -> str:
    return applied(text, read_recipe(FILES[name]), FILES[name])


def test_the_diff_shows_exactly_the_changed_keys() -> None:
    params = {
        "dataset": {"name": "phantom", "subset": None},
        "strategies": {"partial": [{"thaw": {"last": 1}, "epochs": 2, "lr": 1e-5}]},
        "train": {"optimizer": "sgd", "weight_decay": 0.0, "mirror": False, "loss": {"hardest": 0.5}},
    }
    recipe = Recipe.model_validate(load(OWN) | {"params": params})
    assert (
        changes(PARAMS, applied(PARAMS, recipe, Path("mine.yaml")), "mine")
        == """\
--- params.yaml
+++ params.yaml with mine
@@ -89,3 +89,3 @@
   partial:
-    - {thaw: {last: 2}, epochs: 5, lr: 0.001}
+    - {thaw: {last: 1}, epochs: 2, lr: 1e-05}
   full:
@@ -116,4 +116,4 @@
   accumulate: 1               # passes whose gradients make one step
-  optimizer: adamw            # adamw | adam | sgd (momentum 0.9)
-  weight_decay: 0.01          # on thawed weights only; biases and normalisation layers have none
+  optimizer: sgd              # adamw | adam | sgd (momentum 0.9)
+  weight_decay: 0.0           # on thawed weights only; biases and normalisation layers have none
   clip_norm: null             # null | the largest length of the gradient over all thawed weights, such as 1.0
@@ -132,3 +132,3 @@
     max_class_weight: 10.0    # but no more than this
-    hardest: 1.0              # share of a batch's images, those of the largest loss, that count (1: all)
+    hardest: 0.5              # share of a batch's images, those of the largest loss, that count (1: all)
     sampling: uniform         # uniform: every image once an epoch | balanced: images of rare classes more often"""
    )


def test_a_mapping_that_is_a_value_replaces_the_old_one_whole() -> None:
    def scheduled(schedule: dict[str, int], text: str) -> str:
        recipe = Recipe.model_validate(load(OWN) | {"params": {"train": {"schedule": schedule}}})
        return applied(text, recipe, Path("mine.yaml"))

    once = scheduled({"step": 3}, PARAMS)
    assert "\n  schedule: {step: 3}         # cosine" in once
    assert load(scheduled({"plateau": 2}, once))["train"]["schedule"] == {"plateau": 2}


def test_a_new_strategy_comes_last_in_the_same_style() -> None:
    expected = """\
  two_phases:
    - {thaw: head, epochs: 8, lr: 0.001}
    - {thaw: {last: 3}, epochs: 8, lr: 0.0001, start: best}

train:
"""
    assert expected in apply("tuberculosis-two-phases")


def test_the_command_writes_prints_the_diff_and_says_what_to_run(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(monkeypatch, "chexnet")
    shown = capsys.readouterr().out
    assert (project / "params.yaml").read_text(encoding="utf-8") == apply("chexnet")
    assert changes(PARAMS, apply("chexnet"), "chexnet") in shown
    assert "Published: CheXNet: AUROC, mean of 14 findings 0.8414; split: random 70/10/20" in shown
    assert "Run it: dvc repro." in shown
    assert read_params("models").models == ["densenet121"]


def test_a_second_time_changes_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(monkeypatch, "nih-staged-focal")
    written = (project / "params.yaml").stat()
    call(monkeypatch, "nih-staged-focal")
    assert (project / "params.yaml").stat() == written
    assert "nothing to change" in capsys.readouterr().out


def test_a_dry_run_leaves_the_file(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(monkeypatch, "chexnet", "--dry-run")
    assert (project / "params.yaml").read_text(encoding="utf-8") == PARAMS
    shown = capsys.readouterr().out
    assert "+models: [densenet121]" in shown
    assert "was not written" in shown


def test_without_a_name_all_are_listed(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(monkeypatch)
    shown = capsys.readouterr().out
    for name, path in FILES.items():
        assert re.search(rf"^{name} +{re.escape(read_recipe(path).title)}$", shown, re.MULTILINE)


def test_ones_own_recipe_by_its_path(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "mine.yaml").write_text(OWN)
    call(monkeypatch, "mine.yaml")
    assert read_params("train").train.optimizer == "sgd"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("optimizer: sgd", "optimizer: sdg", ["mine.yaml: params.train.optimizer", "'sdg'", "did you mean 'sgd'"]),
        ("optimizer: sgd", "optimiser: sgd", ["params.train.optimiser", "did you mean 'optimizer'"]),
        ("train: {optimizer: sgd}", "trian: {}", ["params.trian", "did you mean 'train'"]),
        ("train: {optimizer: sgd}", "train: 3", ["params.train: 3"]),
        ("train: {optimizer: sgd}", "split: {train: 0.8}", ["params.split", "add up to 1"]),
        ("train: {optimizer: sgd}", "strategy: ful", ["params.strategy", "'ful'", "did you mean 'full'"]),
        ("train: {optimizer: sgd}", "strategies: {mine: fast}", ["params.strategies.mine", "'fast'"]),
        ("params: {train: {optimizer: sgd}}", "params: {}", ["mine.yaml: params"]),
        ("title:", "titel:", ["mine.yaml: ", "title"]),
        ("title: Mine\n", "title: Mine\ntitel: x\n", ["titel is not a known key", "did you mean 'title'"]),
        ("source: me\n", "", ["source is missing"]),
        ("published: []", "published: [{value: high}]", ["published.0"]),
        ("published: []", "published: [{n: 3}]", ["published.0"]),
        ("thaw: []", "thaw: [{data: x, date: soon, device: cpu, figures: {a: 1}}]", ["thaw.0.date", "'soon'"]),
        ("title: Mine", "title: [", ["not valid YAML"]),
        (OWN, "3", ["the file is not a mapping", "title, about"]),
    ],
)
def test_a_wrong_recipe_is_one_line_and_exit_code_2(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    words: list[str],
) -> None:
    assert old in OWN
    (project / "mine.yaml").write_text(OWN.replace(old, new))
    monkeypatch.setattr(sys, "argv", ["thaw", "recipe", "mine.yaml"])
    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("thaw: mine.yaml")
    assert told.count("\n") == 1
    for word in words:
        assert word in told
    assert (project / "params.yaml").read_text(encoding="utf-8") == PARAMS


def test_an_unknown_name_offers_the_nearest(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"no recipe 'chexnt'; use one of chexnet, .*did you mean 'chexnet'"):
        call(monkeypatch, "chexnt")
    with pytest.raises(UserError, match=r"there\.yaml is missing"):
        call(monkeypatch, "there.yaml")


def test_outside_the_project_it_says_where_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"recipes/ is missing"):
        call(monkeypatch)


def test_what_was_wrong_before_is_not_blamed_on_the_recipe(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "params.yaml").write_text(PARAMS.replace("optimizer: adamw", "optimizer: adamv"))
    with pytest.raises(UserError, match=r"^params\.yaml: train\.optimizer"):
        call(monkeypatch, "chexnet")


@pytest.mark.parametrize(
    ("path", "images"),
    [("&here data/raw/phantom", "*here"), ("&here data/raw/phantom", "null"), ("data/raw/phantom", "null")],
)
def test_shared_values_are_not_changed_behind_ones_back(path: str, images: str) -> None:
    shared = PARAMS.replace("path: data/raw/phantom ", f"path: {path} ").replace(
        "\n  images: null ", f"\n  images: {images} "
    )
    validate(load(shared))
    if images == "null":
        assert load(apply("chexnet", shared)) == load(apply("chexnet"))
    else:
        with pytest.raises(UserError, match="shares values"):
            apply("chexnet", shared)


def test_a_key_taken_over_from_elsewhere_is_written_beside_it() -> None:
    merged = PARAMS.replace("\n  mirror: false ", "\n  <<: {mirror: false} ")
    validate(load(merged))
    assert load(apply("chexnet", merged)) == load(apply("chexnet"))


def test_figures_of_thaw_stand_beside_the_published_ones() -> None:
    recipe = Recipe.model_validate(
        load(OWN)
        | {
            "published": [
                {"what": "A", "metric": "AUROC", "value": 0.8, "split": "official", "images": None, "source": "B"}
            ],
            "thaw": load("- {data: NIH, date: 2026-11-21, device: H100, figures: {resnet50 full AUROC: 0.81}}"),
        }
    )
    assert figures(recipe) == (
        "Published: A: AUROC 0.8; split: official; images: not said; B\n"
        "thaw: resnet50 full AUROC 0.81; NIH; 2026-11-21, H100"
    )
    assert figures(read_recipe(FILES["learning-curves"])) == "Published: no figure.\nthaw: not measured yet."
