"""The gallery stage on files as predict and evaluate write them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from thaw.cells import Cell
from thaw.errors import UserError
from thaw.files import write_csv, write_json
from thaw.stages import gallery

REPOSITORY = Path(__file__).parents[2]
# calibrated probability 0.5 is logit 0; v is a validation image
LOGITS = {
    ("resnet18", "frozen"): {"v": 9, "a": 2, "b": -1, "c": -2, "d": 1},
    ("resnet18", "full"): {"v": 9, "a": 1, "b": 2, "c": 3, "d": -3},
    ("vgg16", "frozen"): {"v": 9, "a": 1, "b": -1, "c": -1, "d": -1},
    ("vgg16", "full"): {"v": 9, "a": 1, "b": -1, "c": -1, "d": -1},
}
LABELS = {"v": 1, "a": 1, "b": 1, "c": 0, "d": None}


def write_cell(cell: Cell, logits: dict[str, int]) -> None:
    rows = [
        {"image": image, "patient": "007", "split": "val" if image == "v" else "test", "label_NA": LABELS[image],
         "logit_NA": logit}
        for image, logit in logits.items()
    ]  # fmt: skip
    write_csv(cell.predict_folder / "predictions.csv", pd.DataFrame(rows))
    calibration = {"method": "none", "task": "multilabel", "parameters": {}}
    write_json(cell.evaluate_folder / "rule.json", {"calibration": calibration, "thresholds": {"NA": 0.5}})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["gallery"])
    params = YAML(typ="safe").load(REPOSITORY / "params.yaml")
    params |= {"models": ["resnet18", "vgg16"], "seeds": [3, 0], "compared": ["frozen", "partial", "full"]}
    params["explain"]["examples"] = 1
    YAML(typ="safe").dump(params, Path("params.yaml"))
    write_json(Path("data/dataset.json"), {"classes": ["NA"], "task": "multilabel"})
    for (model, strategy), logits in LOGITS.items():
        write_cell(Cell(model, strategy, 3), logits)
    return tmp_path


def test_the_first_seeds_first_and_last_strategies_choose_for_every_model(project: Path) -> None:
    gallery.main()
    assert (project / "reports/gallery.csv").read_text() == (
        "model,class,kind,place,image\n"
        "resnet18,NA,true_positive,1,b\n"
        "resnet18,NA,false_positive,1,c\n"
        "resnet18,NA,changed,1,c\n"
        "vgg16,NA,true_positive,1,a\n"
        "vgg16,NA,false_negative,1,b\n"
        "vgg16,NA,true_negative,1,c\n"
    )


def test_torch_is_not_imported(project: Path) -> None:
    program = "import sys; from thaw.stages.gallery import main; main(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=project)


def test_cells_tested_on_different_images_are_an_error(project: Path) -> None:
    write_cell(Cell("vgg16", "frozen", 3), {"v": 9, "a": 1, "b": 1})
    with pytest.raises(UserError, match=r"^vgg16-frozen-3 and vgg16-full-3 were tested on different images; run dvc"):
        gallery.main()
