"""The shortcuts stage on files as the stages before it write them."""

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

from tests.shortcuts.made import CLASSES, image_table, png, random_labels, unlike_pictures
from thaw.errors import UserError
from thaw.files import write_csv, write_json
from thaw.stages import shortcuts

REPOSITORY = Path(__file__).parents[2]
COUNT = 120


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as it is after preprocess; image 8, of a test patient, is a copy of image 0, which is trained on."""
    table, labels, pixels = image_table(COUNT), random_labels(COUNT), unlike_pictures(COUNT, 48)
    pixels[8] = pixels[0]
    table[CLASSES] = labels
    write_csv(tmp_path / "data/labels.csv", table.drop(columns="split"))
    write_csv(tmp_path / "data/split.csv", table[["image", "patient", "split"]].assign(fold=np.nan))
    write_csv(tmp_path / "data/images.csv", pd.DataFrame({"row": range(COUNT), "image": table["image"]}))
    np.save(tmp_path / "data/images.npy", pixels)
    write_csv(tmp_path / "reports/quality.csv", pd.DataFrame(columns=["image", "action", "reason"]))
    told = {"name": "table", "title": "A set", "task": "multilabel", "classes": CLASSES, "synthetic": False}
    write_json(tmp_path / "data/dataset.json", {**told, "notices": [], "source": "pictures"})
    write_json(tmp_path / "reports/split.json", {"by": "patient", "seed": 0, "splits": {}, "notes": []})
    for name, width in zip(table["image"], np.where(labels[:, 0] == 1, 40, 48), strict=True):
        png(tmp_path / "pictures" / name, pixels[0, :, :width])
    params: dict[str, Any] = YAML(typ="safe").load(REPOSITORY / "params.yaml")
    params["evaluate"]["resamples"] = 100
    YAML(typ="safe").dump(params, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["shortcuts"])
    return tmp_path


def test_the_stage_writes_what_it_found_and_says_the_leaks(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shortcuts.main()
    found = json.loads((project / "reports/shortcuts.json").read_text())
    assert list(found) == ["patients", "copies", "probes", "notes"]
    assert found["patients"] == {"crossing": 0, "examples": [], "test_images": 40, "leaking_test_images": 0}
    assert found["copies"] == {
        "pictures": 1, "test_images": 1, "method": "near", "distance_bits": 64,
        "examples": [{"images": ["0.png", "8.png"], "splits": ["test", "train"], "identical": True}],
    }  # fmt: skip
    assert found["notes"] == []
    size = found["probes"]["properties"]
    assert size["auroc"]["Mass"] == 1.0
    assert list(size) == [
        "what", "features", "penalty", "auroc_macro", "low", "high", "auroc", "reason",
    ]  # fmt: skip
    assert size["auroc_macro"] == round(size["auroc_macro"], 6)
    assert "warning: 1 picture has copies in more than one split; 1 test image is" in capsys.readouterr().err


def test_every_key_stands_in_the_docstring(project: Path) -> None:
    shortcuts.main()
    found = json.loads((project / "reports/shortcuts.json").read_text())
    keys = {*found, *found["patients"], *found["copies"], *found["probes"], *found["probes"]["all"]}
    assert {key for key in keys if key not in (shortcuts.__doc__ or "")} == set()


def test_the_same_input_gives_the_same_bytes(project: Path) -> None:
    shortcuts.main()
    first = (project / "reports/shortcuts.json").read_bytes()
    shortcuts.main()
    assert (project / "reports/shortcuts.json").read_bytes() == first


def test_torch_is_not_imported(project: Path) -> None:
    program = (
        "import sys; from thaw.stages.shortcuts import main; main(); "
        "assert not {'torch', 'sklearn'} & set(sys.modules), 'slow imports'"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=project)


def test_a_missing_file_is_an_error_that_names_it(project: Path) -> None:
    (project / "data/split.csv").unlink()
    with pytest.raises(UserError, match=r"^data/split\.csv is missing; run dvc repro$"):
        shortcuts.main()
