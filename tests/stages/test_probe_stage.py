from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from ruamel.yaml import YAML

from thaw.errors import UserError
from thaw.files import read_json, write_json
from thaw.params.read import read_params
from thaw.stages import probe
from thaw.training.probe import may_have_bf16, precision_of

REPOSITORY = Path(__file__).parents[2]
CPU = torch.device("cpu")
CHOICE = Path("models/probe/resnet18.json")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def set_params(precision: str, size_px: int = 32) -> None:
    params: dict[str, Any] = YAML(typ="safe").load(REPOSITORY / "params.yaml")
    params["train"].update(precision=precision, device="cpu")
    params["preprocess"]["size"] = size_px
    YAML(typ="safe").dump(params, Path("params.yaml"))


def run(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(sys, "argv", ["probe", "resnet18"])
    probe.main()
    return read_json(CHOICE)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_precision_that_params_yaml_names_is_passed_on(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_params(precision)
    assert run(monkeypatch) == {"precision": precision, "reason": "train.precision names it."}


def test_torch_is_not_imported_to_pass_a_precision_on() -> None:
    set_params("fp32")
    program = "import sys; from thaw.stages.probe import main; main(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program, "resnet18"], check=True)
    assert CHOICE.is_file()


def test_auto_writes_a_choice_without_its_timings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_params("auto")
    chosen = run(monkeypatch)
    assert list(chosen) == ["precision", "reason"]
    assert chosen["precision"] in ("fp32", "bf16")
    assert " ms" not in CHOICE.read_text()
    assert ("ms an image" in capsys.readouterr().err) == may_have_bf16()


def test_a_size_that_the_network_cannot_take_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    with pytest.raises(UserError, match=r"preprocess\.size: 40: vit_b_16"):
        probe.decide("vit_b_16", 40, {"precision": "auto", "channels_last": "auto", "device": "cpu"})


def test_training_takes_the_choice_only_where_params_yaml_leaves_it() -> None:
    write_json(CHOICE, {"precision": "bf16", "reason": ""})
    for named, found in (("auto", "bf16"), ("fp32", "fp32"), ("bf16", "bf16")):
        set_params(named)
        assert precision_of("resnet18", read_params("train").train.precision, CPU) == found


def test_training_without_the_choice_names_the_stage() -> None:
    set_params("auto")
    with pytest.raises(UserError, match=r"auto, and models/probe/resnet18\.json is missing; run"):
        precision_of("resnet18", read_params("train").train.precision, CPU)
