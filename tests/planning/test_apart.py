from __future__ import annotations

from pathlib import Path

import pytest

from tests.planning.made import tiny
from thaw.errors import UserError
from thaw.files import write_json
from thaw.params.strategy import Phase
from thaw.planning.apart import find_precision_of, measure_apart
from thaw.planning.probe import Question


def question(thaw: object, **train: object) -> Question:
    phase = Phase.model_validate({"thaw": thaw, "epochs": 1, "lr": 0.1})
    settings = tiny(**{f"train__{key}": value for key, value in train.items()}).train
    return Question("resnet18", {"only": [phase]}, 8, 2, "multiclass", 32, settings, 8)


def test_the_precision_is_the_one_that_training_will_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_json(Path("models/probe/resnet18.json"), {"precision": "bf16", "reason": "made up"})
    assert find_precision_of(question("head", precision="fp32", device="cpu")) == "fp32"
    assert find_precision_of(question("head", precision="auto", device="cpu")) == "bf16"


def test_an_error_of_the_user_comes_out_of_the_process_as_one_line() -> None:
    with pytest.raises(UserError, match="this network has 5 blocks"):
        measure_apart(question({"last": 9}))
