"""The stage labels on phantoms as the stage download draws them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from thaw.datasets.boxes import COLUMNS
from thaw.files import read_csv
from thaw.phantom import draw_cohort
from thaw.stages import labels

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize(("name", "boxed"), [("phantom", True), ("nih", True), ("folder", False)])
def test_labels_description_and_boxes_are_written(
    name: str, boxed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    draw_cohort(tmp_path / "set/A", 30, 64, seed=1)
    if name == "folder":
        draw_cohort(tmp_path / "set/B", 5, 64, seed=2)
    params: dict[str, Any] = YAML(typ="safe").load(REPOSITORY / "params.yaml")
    params["dataset"] |= {"name": name, "path": "set", "subset": None, "classes": None, "patient_pattern": r"(\d+)_"}
    YAML(typ="safe").dump(params, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["labels"])
    labels.main()
    table, boxes = read_csv(Path("data/labels.csv")), read_csv(Path("data/boxes.csv"))
    described = json.loads(Path("data/dataset.json").read_text())
    assert (described["name"], described["images"]) == (name, len(table))
    assert list(boxes) == COLUMNS
    assert bool(len(boxes)) == boxed
    assert set(boxes["image"]) <= set(table["image"])
    assert set(boxes["class"]) <= set(described["classes"])
    assert set(boxes["picture_width"]) == ({64} if boxed else set())
    assert all(f"note: {notice}" in capsys.readouterr().out for notice in described["notices"][:1])
