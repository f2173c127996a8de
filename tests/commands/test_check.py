from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from tests.planning.made import tiny_content
from tests.shortcuts.made import CLASSES, image_table, random_labels, unlike_pictures
from thaw.__main__ import main
from thaw.backbones.stored import save_pretrained
from thaw.commands import check
from thaw.errors import UserError
from thaw.files import write_csv, write_json

MODEL, COUNT = "mobilenet_v3_small", 120
HEAD = [{"thaw": "head", "epochs": 1, "lr": 0.01}]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as it is before train."""
    changes: dict[str, Any] = {
        "models": [MODEL], "weights": {MODEL: "none"}, "train__batch_size": 16, "strategies": {"frozen": HEAD,
        "other": HEAD}, "strategy": "other", "compared": ["frozen"] * 3,
    }  # fmt: skip
    content = tiny_content(**changes)
    content["evaluate"]["resamples"] = 100
    YAML(typ="safe").dump(content, tmp_path / "params.yaml")
    table = image_table(COUNT)
    table[CLASSES] = random_labels(COUNT)
    write_csv(tmp_path / "data/labels.csv", table[["image", "patient", *CLASSES]])
    write_csv(tmp_path / "data/split.csv", table[["image", "patient", "split"]])
    write_csv(tmp_path / "data/images.csv", pd.DataFrame({"row": range(COUNT), "image": table["image"]}))
    np.save(tmp_path / "data/images.npy", unlike_pictures(COUNT))
    told = {"title": "A set", "task": "multilabel", "classes": CLASSES, "synthetic": False}
    write_json(tmp_path / "data/dataset.json", told)
    save_pretrained(tmp_path / f"models/pretrained/{MODEL}.safetensors", None, "none")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_check(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["thaw", "check", *arguments])
    main()


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_shuffled_labels_are_checked_and_nothing_else_is_touched(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(project)
    run_check(monkeypatch, "shuffled")
    assert files(project) - before == {"reports/check/shuffled.json"}
    found = json.loads((project / "reports/check/shuffled.json").read_text())
    assert list(found) == [
        "model", "strategy", "confidence", "shufflings", "auroc_by_shuffling", "auroc_macro", "low", "high", "passed",
    ]  # fmt: skip
    assert (found["model"], found["strategy"], found["passed"]) == (MODEL, "frozen", True)
    said = capsys.readouterr().out
    interval = f"{found['auroc_macro']:.3f} ({found['low']:.3f} to {found['high']:.3f})"
    assert f"Macro AUROC on 40 test images, 95% interval: {interval}\n" in said
    assert said.endswith("OK: 0.5 lies inside.\nWritten: reports/check/shuffled.json\n")


def test_where_a_half_lies_outside_the_exit_code_is_2(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"auroc_by_shuffling": [0.8], "auroc_macro": 0.8, "low": 0.75, "high": 0.85, "passed": False}
    monkeypatch.setattr(check, "measure_shuffled", lambda *_: found)
    message = (
        f"trained on shuffled labels, {MODEL} frozen reaches macro AUROC 0.800 (0.750 to 0.850) on test images: 0.5 "
        "lies outside, so test labels reach it by another way"
    )
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        run_check(monkeypatch, "shuffled")
    assert json.loads((project / "reports/check/shuffled.json").read_text())["passed"] is False


def test_leakage_is_told_for_the_selected_strategy(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(project)
    run_check(monkeypatch, "leakage")
    assert files(project) - before == {"reports/check/leakage.json"}
    found = json.loads((project / "reports/check/leakage.json").read_text())
    assert (found["model"], found["strategy"]) == (MODEL, "other")
    assert list(found["image"]) == ["auroc_macro", "low", "high", "test_images", "shared"]
    said = capsys.readouterr().out
    assert re.search(r"Split by patient: macro AUROC 0\.\d{3} \(.*\); 0\.0% of 40 test images show a patient who", said)
    assert re.search(r"Split by image: macro AUROC .* \d\d\.\d% of 40 test images", said)
    assert f"would have claimed: {found['difference']['auroc_macro']:+.3f} (" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shuffled", "resnet18"], f"MODEL resnet18: use one of {MODEL}"),
        (["leakage", "--strategy", "frozn"], r"--strategy frozn: use one of frozen, other \(did you mean 'frozen'\?\)"),
    ],
)
def test_an_unknown_name_is_one_line(
    project: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=f"^{message}"):
        run_check(monkeypatch, *arguments)


@pytest.mark.parametrize("arguments", [[], ["shufled"]])
def test_a_missing_or_unknown_check_is_exit_code_2(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run_check(monkeypatch, *arguments)
    assert caught.value.code == 2


def test_missing_weights_are_one_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / f"models/pretrained/{MODEL}.safetensors").unlink()
    with pytest.raises(UserError, match=rf"{MODEL}\.safetensors is missing; run dvc repro weights@{MODEL}$"):
        run_check(monkeypatch, "shuffled")


def test_data_that_are_not_prepared_are_one_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "data/images.npy").unlink()
    with pytest.raises(UserError, match=r"data/images\.npy is missing; run dvc repro split preprocess$"):
        run_check(monkeypatch, "shuffled")
