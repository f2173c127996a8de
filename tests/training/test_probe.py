from __future__ import annotations

from pathlib import Path

import pytest
import torch

from thaw.errors import UserError
from thaw.files import write_json
from thaw.training import probe
from thaw.training.probe import faster, find_precision, may_have_bf16, read_precision, time_steps

CPU = torch.device("cpu")


@pytest.mark.parametrize(("fp32", "bf16", "chosen"), [(1.0, 0.5, "bf16"), (1.15, 1.0, "bf16"), (1.14, 1.0, "fp32"),
                                                      (1.0, 1.0, "fp32"), (0.5, 1.0, "fp32")])  # fmt: skip
def test_bf16_is_taken_only_where_it_is_faster_by_more_than_noise(fp32: float, bf16: float, chosen: str) -> None:
    precision, reason = faster(fp32, bf16)
    assert precision == chosen
    assert reason.endswith(" in bf16.")


def test_both_precisions_are_timed() -> None:
    fp32, bf16 = time_steps("resnet18", 32, channels_last=True)
    assert 0 < fp32 < 10
    assert 0 < bf16 < 10


@pytest.mark.skipif(not may_have_bf16(), reason="this CPU has no bf16 instructions")
def test_what_was_measured_is_printed_and_not_in_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    precision, reason = find_precision("resnet18", 32, channels_last=True, device=CPU)
    assert precision in ("fp32", "bf16")
    words = {"bf16": "is at least", "fp32": "is not"}
    assert reason == f"A training step on this CPU {words[precision]} 1.15 times as fast in bf16."
    assert " ms an image in fp32, " in capsys.readouterr().err


def test_a_cpu_without_bf16_is_not_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert find_precision("resnet18", 32, channels_last=True, device=CPU)[0] == "fp32"
    assert capsys.readouterr().err == ""


def test_a_cpu_of_which_torch_cannot_tell_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "SVE256")
    assert may_have_bf16()


def test_a_gpu_keeps_its_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setattr(probe, "time_steps", None)
    assert find_precision("resnet18", 32, channels_last=True, device=torch.device("cuda"))[0] == "bf16"


def test_a_choice_that_was_not_made_is_told(tmp_path: Path) -> None:
    path = tmp_path / "resnet18.json"
    with pytest.raises(UserError, match=r"resnet18\.json is missing; run python -m thaw\.stages\.probe resnet18"):
        read_precision(path, "resnet18")
    write_json(path, {"precision": "bf16", "reason": ""})
    assert read_precision(path, "resnet18") == "bf16"
