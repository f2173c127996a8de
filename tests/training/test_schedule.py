"""Rates against torch's own schedulers, and their properties."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from thaw.params.strategy import Plateau, Step
from thaw.training.schedule import is_over, plateaus, rate_factor


def torch_rates(make: Any, steps: int, rate: float = 1.0) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_cosine_is_torchs() -> None:
    expected = torch_rates(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40), 40)
    assert [rate_factor("cosine", step / 10, 4, 0.0) for step in range(40)] == pytest.approx(expected)


def test_one_cycle_is_torchs_at_its_corners() -> None:
    # torch reaches the top and the end one step early: its corners are compared, not its steps
    make = torch.optim.lr_scheduler.OneCycleLR
    expected = torch_rates(lambda o: make(o, max_lr=1.0, total_steps=1001, pct_start=0.3), 1001)
    ours = [rate_factor("one_cycle", step / 1000 * 10, 10, 0.0) for step in range(1001)]
    assert ours == pytest.approx(expected, abs=0.006)
    assert (ours[0], ours[300], ours[1000]) == pytest.approx((1 / 25, 1.0, 1 / 25e4))


def test_step_is_torchs() -> None:
    expected = torch_rates(lambda o: torch.optim.lr_scheduler.StepLR(o, 2, 0.1), 7)
    assert [rate_factor(Step(step=2), epoch, 7, 0.0) for epoch in range(7)] == pytest.approx(expected)


@given(some.lists(some.sampled_from([0.1, 0.2, 0.3, 0.4]), max_size=20), some.integers(0, 3))
def test_plateau_is_torchs(losses: list[float], patience: int) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=patience, threshold=0, eps=0)
    for loss in losses:
        scheduler.step(loss)
    factor = rate_factor(Plateau(plateau=patience), len(losses), 30, 0.0, losses)
    assert factor == pytest.approx(optimizer.param_groups[0]["lr"])
    assert factor == pytest.approx(0.1 ** plateaus(losses, patience))


def test_warm_up_rises_from_zero_and_the_schedule_takes_the_rest() -> None:
    factors = [rate_factor("cosine", done, 5, 1.0) for done in (0, 0.25, 0.5, 1, 3, 5)]
    assert factors == pytest.approx([0, 0.25, 0.5, 1, 0.5, 0])
    assert rate_factor(Step(step=2), 2.9, 5, 1.0) == 1.0
    assert rate_factor(Step(step=2), 3.0, 5, 1.0) == pytest.approx(0.1)


@given(some.sampled_from(["constant", "cosine", "one_cycle"]), some.floats(0, 1), some.floats(0, 0.9))
def test_a_factor_is_a_share(schedule: Any, share: float, warmup: float) -> None:
    assert 0 <= rate_factor(schedule, share * 6, 6, warmup * 6) <= 1 + 1e-12


@pytest.mark.parametrize(
    ("scores", "patience", "over"),
    [
        ([0.5, 0.6, 0.7], 1, False),
        ([0.5, 0.4], 1, True),
        ([0.5, 0.5], 1, True),
        ([0.5, 0.4, 0.6], 2, False),
        ([0.5, 0.4, 0.4], 2, True),
        ([0.5, 0.4], 2, False),
        ([0.5, 0.4, 0.3], None, False),
    ],
)
def test_a_phase_is_over_when_it_no_longer_improves(scores: list[float], patience: int | None, over: bool) -> None:
    assert is_over([(score, 0.0) for score in scores], patience) == over
