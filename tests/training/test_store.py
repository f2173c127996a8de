from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from thaw.training.store import GIB, Store

from .made import CPU

VALUES = torch.arange(24, dtype=torch.float32).view(6, 4)


def batches(values: Tensor = VALUES) -> Iterator[Tensor]:
    yield from values.split(4)


def never() -> Iterator[Tensor]:
    raise AssertionError("computed again")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_what_is_kept_comes_back_to_the_bit(tmp_path: Path, dtype: torch.dtype) -> None:
    values = VALUES.to(dtype)
    for compute in (lambda: batches(values), never):
        kept = Store(tmp_path, 1, "x").get("key", 6, compute, CPU)
        assert kept.values.dtype == dtype
        assert torch.equal(kept.values, values)


def test_a_computation_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[Tensor]:
        yield VALUES[:4]
        raise KeyboardInterrupt

    store = Store(tmp_path, 1, "x")
    with pytest.raises(KeyboardInterrupt):
        store.get("key", 6, broken, CPU)
    assert not list(tmp_path.iterdir())
    assert torch.equal(store.get("key", 6, batches, CPU).values, VALUES)


def test_the_oldest_go_first(tmp_path: Path) -> None:
    store = Store(tmp_path, 2.5 * VALUES.nbytes / GIB, "x")
    for age, name in ((3, "old"), (2, "older"), (1, "new")):
        store.get(name, 6, batches, CPU)
        for path in tmp_path.glob(f"{name}.json"):
            os.utime(path, (1000 - age, 1000 - age))
    assert sorted(path.stem for path in tmp_path.glob("*.bin")) == ["new", "older"]
    store.get("older", 6, never, CPU)
    store.get("newest", 6, batches, CPU)
    assert sorted(path.stem for path in tmp_path.glob("*.bin")) == ["newest", "older"]


def test_what_is_too_large_does_not_fit(tmp_path: Path) -> None:
    assert Store(tmp_path, 1.0, "x").fits(GIB)
    assert not Store(tmp_path, 1.0, "x").fits(GIB + 1)
    assert not Store(tmp_path, 1e9, "x").fits(10**18)  # no disk is so large
