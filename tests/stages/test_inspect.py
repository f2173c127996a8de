"""The inspect stage on files as the stages before it write them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thaw.errors import UserError
from thaw.files import write_csv, write_json
from thaw.inspection.material import load_material
from thaw.stages import inspect

CLASSES = ["Mass", "Edema"]
FILES = ("data/labels.csv", "data/dataset.json", "data/split.csv", "data/images.npy", "data/images.csv",
         "reports/split.json", "reports/quality.csv")  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as it is after preprocess: 12 images, one of them unreadable, one in no split, one label unknown."""
    images = [f"p{place // 2:03d}/{place}.png" for place in range(12)]
    patients = [f"{place // 2:03d}" for place in range(12)]
    labels = pd.DataFrame({"image": images, "patient": patients, "Mass": [1, 0] * 6, "Edema": [0, 0, 1] * 4})
    labels = labels.assign(sex="F", age=pd.array([40, None] * 6, "Int64"), view="", follow_up="", source_split="")
    labels["Edema"] = labels["Edema"].astype("Int64")
    labels.loc[3, "Edema"] = pd.NA
    write_csv(tmp_path / "data/labels.csv", labels)
    split = pd.DataFrame({"image": images, "patient": patients, "split": ["train"] * 6 + ["val"] * 2 + ["test"] * 4})
    write_csv(tmp_path / "data/split.csv", split.iloc[:11])
    write_csv(tmp_path / "data/images.csv", pd.DataFrame({"row": range(12), "image": images}).drop(index=5))
    np.save(tmp_path / "data/images.npy", np.random.default_rng(0).integers(0, 255, (12, 32, 32), np.uint8))
    quality = pd.DataFrame({"image": [images[5]], "action": ["quarantined"], "reason": ["empty file"]})
    write_csv(tmp_path / "reports/quality.csv", quality)
    told = {"name": "table", "title": "A set", "task": "multilabel", "classes": CLASSES, "synthetic": False}
    told |= {"notices": [], "source": "pictures", "images": 12, "patients": 6}
    write_json(tmp_path / "data/dataset.json", told)
    write_json(tmp_path / "reports/split.json", {"by": "patient", "seed": 0, "splits": {}, "notes": []})
    (tmp_path / "pictures").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["inspect"])
    return tmp_path


def test_files_become_one_table(project: Path) -> None:
    material = load_material()
    assert material.rows.tolist() == [0, 1, 2, 3, 4, -1, 6, 7, 8, 9, 10, 11]
    assert material.labels[:4].tolist() == [[1, 0], [0, 0], [1, 1], [0, -1]]
    assert material.images["split"].tolist() == ["train"] * 6 + ["val"] * 2 + ["test"] * 3 + [""]
    assert material.images["patient"].iloc[0] == "000"
    assert material.images["age"].isna().tolist() == [False, True] * 6
    assert (material.images["view"] == "").all()
    assert material.quarantined["reason"].tolist() == ["empty file"]
    assert isinstance(material.pixels, np.memmap)


def test_the_stage_writes_the_page_and_says_the_warnings(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inspect.main()
    *said, last = capsys.readouterr().out.splitlines()
    assert last == "The data at a glance: reports/dataset.html"
    told = json.loads((project / "reports/warnings.json").read_text())["warnings"]
    assert said == [f"warning: {warning['text']}" for warning in told]
    codes = {warning["code"] for warning in told}
    assert codes == {"absent_class", "rare_class", "missing_covariates", "quarantined", "outside_splits"}
    page = (project / "reports/dataset.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "1 image in no split: not used" in page


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_an_error_that_names_it(project: Path, name: str) -> None:
    (project / name).unlink()
    with pytest.raises(UserError, match=f"^{re.escape(name)} is missing; run dvc repro$"):
        inspect.main()
    assert not (project / "reports/dataset.html").exists()


def test_an_array_of_another_run_is_refused(project: Path) -> None:
    np.save(project / "data/images.npy", np.zeros((5, 32, 32), np.uint8))
    with pytest.raises(UserError, match=r"names rows that data/images\.npy has not"):
        inspect.main()
