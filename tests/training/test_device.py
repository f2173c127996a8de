from __future__ import annotations

import pytest
import torch

from thaw.errors import UserError
from thaw.training.device import (
    autocast,
    choose_device,
    choose_precision,
    keep_freed_memory,
    make_deterministic,
    peak_memory_gib,
)

CPU = torch.device("cpu")


def test_a_gpu_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == CPU
    with pytest.raises(UserError, match=r"train\.device: cuda"):
        choose_device("cuda")


def test_a_gpu_that_is_there_is_used_unless_the_cpu_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == choose_device("cuda").type == "cuda"
    assert choose_device("cpu") == CPU


def test_precision_is_a_rule_and_not_a_measurement() -> None:
    assert choose_precision("auto", CPU) == "fp32"
    assert choose_precision("bf16", CPU) == "bf16"


@pytest.mark.parametrize(("precision", "kind"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_forward_pass_runs_in_the_precision(precision: str, kind: torch.dtype) -> None:
    with autocast(CPU, precision):  # type: ignore[arg-type]
        assert torch.nn.Linear(2, 2)(torch.rand(1, 2)).dtype == kind


def test_blocks_of_memory_are_not_filled_before_they_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    make_deterministic()
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]


def test_memory_is_that_of_this_process() -> None:
    keep_freed_memory()
    blocks = torch.ones(2**29, dtype=torch.uint8)
    assert 0.5 < peak_memory_gib(CPU) < 64
    del blocks
