from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch

from thaw.files import read_json
from thaw.training.curve import Curve
from thaw.training.record import Recorder
from thaw.training.state import Epoch

from .made import phase, trainer


def test_a_training_leaves_curves_a_table_and_its_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one = trainer()
    with Recorder(tmp_path / "cell", torch.device("cpu")) as recorder:
        recorder.finish(one, one.fit([phase("head", epochs=2)], recorder.epoch))
    history = pd.read_csv(tmp_path / "cell/history.csv")
    assert history[["epoch", "split"]].to_numpy().tolist() == [[1, "train"], [1, "val"], [2, "train"], [2, "val"]]
    assert history["loss"].gt(0).all()
    curve = pd.read_csv(tmp_path / "cell/plots/metrics/val/auroc_macro.tsv", sep="\t")
    assert curve["auroc_macro"].round(6).tolist() == history.query("split == 'val'")["auroc_macro"].tolist()
    cost = read_json(tmp_path / "cell/cost.json")
    assert cost["trainable"] == 512 * 2 + 2
    assert cost["epochs"] == 2
    assert cost["best_epoch"] == one.state.best
    assert cost["images_at_once"] == 8
    blocks = {row["block"]: row for row in cost["phases"][0]["blocks"]}
    assert blocks["layer4"]["learning_rate"] is blocks["layer4"]["epochs"] is None
    assert blocks["layer4"]["trainable"] == 0 < blocks["layer4"]["parameters"]
    assert blocks["head"]["trainable"] == blocks["head"]["parameters"]
    assert sum(row["parameters"] for row in blocks.values()) == cost["parameters"]
    assert not (tmp_path / "dvc.yaml").exists()


def test_an_undefined_auroc_is_an_empty_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Recorder(tmp_path / "cell", torch.device("cpu")) as recorder:
        recorder.epoch(Epoch(1, 1, 0.1, 8, 0.0, 1.6, 0.1, 0.0, Curve(1.0, 0.5, None), Curve(1.0, 0.5, 0.7)))
        rows = pd.DataFrame(recorder.history)
    assert rows["auroc_macro"].isna().tolist() == [True, False]
    assert not (tmp_path / "cell/plots/metrics/train/auroc_macro.tsv").exists()
