from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from thaw.training.augmentation import Policy, augment, draw
from thaw.training.augmentation.light import BRIGHTNESS, CONTRAST, SHIFT

POLICIES: tuple[Policy, ...] = get_args(Policy)
IMAGES = torch.rand(6, 1, 32, 32, generator=torch.Generator().manual_seed(0))


def draws(policy: Policy = "light", count: int = 6, seed: int = 0) -> Tensor:
    return draw(count, policy, torch.Generator().manual_seed(seed))


def light_of_torch(images: Tensor, draws: Tensor, mirror: bool) -> Tensor:
    """The policy in torch's own words."""
    if mirror:
        images = torch.where((draws[:, 6] > 0).view(-1, 1, 1, 1), images.flip(3), images)
    angle, zoom = draws[:, 0] * math.radians(7.0), 1 + 0.06 * draws[:, 1]
    cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    across, down = draws[:, 2] * 0.04 * 2, draws[:, 3] * 0.04 * 2
    matrix = torch.stack([torch.stack([cosine, -sine, across], 1), torch.stack([sine, cosine, down], 1)], 1)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, mode="bilinear", align_corners=False)
    contrast, brightness = (1 + 0.12 * draws[:, 4]).view(-1, 1, 1, 1), (0.08 * draws[:, 5]).view(-1, 1, 1, 1)
    return ((moved - 0.5) * contrast + 0.5 + brightness).clamp_(0, 1)


@pytest.mark.parametrize("policy", ["none", "light"])
def test_the_draws_of_light_are_seven_uniform_numbers(policy: Policy) -> None:
    expected = torch.rand(9, 7, generator=torch.Generator().manual_seed(3)) * 2 - 1
    assert torch.equal(draws(policy, 9, seed=3), expected)


@pytest.mark.parametrize("policy", POLICIES)
def test_draws_are_float32_between_minus_one_and_one(policy: Policy) -> None:
    numbers = draws(policy, 5000)
    assert numbers.dtype == torch.float32
    assert -1 <= numbers.min() < -0.99
    assert 0.99 < numbers.max() <= 1


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("shape", [(6, 1, 32, 32), (6, 1, 45, 31), (3, 1, 224, 224)])
def test_light_is_what_torch_makes_of_its_definition(shape: tuple[int, ...], mirror: bool) -> None:
    images = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    numbers = draws("light", len(images), seed=2)
    # neighbouring pixels of noise differ by up to 1, so the last bit of a coordinate becomes some 1e-5 of gray
    torch.testing.assert_close(
        augment(images, numbers, "light", mirror), light_of_torch(images, numbers, mirror), rtol=0, atol=1e-4
    )


def test_none_changes_nothing() -> None:
    assert torch.equal(augment(IMAGES, draws(), "none", mirror=False), IMAGES)


@pytest.mark.parametrize("policy", POLICIES)
@given(
    height=st.integers(9, 70), width=st.integers(9, 70), order=st.permutations(range(8)), cut=st.integers(1, 7),
    seed=st.integers(0, 2**30), mirror=st.booleans(),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_an_image_becomes_the_same_whatever_its_batch(
    policy: Policy, height: int, width: int, order: list[int], cut: int, seed: int, mirror: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    images, numbers = torch.rand(8, 1, height, width, generator=generator), draw(8, policy, generator)
    before = images.clone()
    whole = augment(images, numbers, policy, mirror)
    parts = [augment(images[part], numbers[part], policy, mirror) for part in (order[:cut], order[cut:])]
    assert torch.equal(torch.cat(parts), whole[order])
    assert torch.equal(images, before)
    assert (whole.shape, whole.dtype) == (images.shape, torch.float32)
    assert 0 <= whole.min() <= whole.max() <= 1


@pytest.mark.parametrize("policy", POLICIES)
def test_one_image_of_full_size_alone_is_as_in_its_batch(policy: Policy) -> None:
    images = torch.rand(16, 1, 224, 224, generator=torch.Generator().manual_seed(0))
    numbers = draws(policy, 16)
    alone = [augment(images[i : i + 1], numbers[i : i + 1], policy, mirror=True) for i in range(16)]
    assert torch.equal(torch.cat(alone), augment(images, numbers, policy, mirror=True))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_black_and_white_images_stay_numbers_in_range(policy: Policy, value: float) -> None:
    changed = augment(torch.full((200, 1, 16, 16), value), draws(policy, 200), policy, mirror=False)
    assert torch.isfinite(changed).all()
    assert 0 <= changed.min() <= changed.max() <= 1


@pytest.mark.parametrize("policy", POLICIES)
def test_the_global_random_state_is_neither_used_nor_changed(policy: Policy) -> None:
    numbers = draws(policy)
    torch.manual_seed(1)
    first, state = augment(IMAGES, numbers, policy, mirror=True), torch.get_rng_state()
    torch.manual_seed(2)
    assert torch.equal(augment(IMAGES, numbers, policy, mirror=True), first)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)


def test_policies_differ() -> None:
    results = [augment(IMAGES, draws(policy), policy, mirror=False) for policy in POLICIES]
    assert all(not torch.equal(results[i], results[j]) for i in range(4) for j in range(i))


def test_medical_without_its_own_changes_is_light() -> None:
    numbers = draws("medical")
    numbers[:, 7:] = 1
    expected = augment(IMAGES, numbers[:, :7], "light", mirror=True)
    assert torch.equal(augment(IMAGES, numbers, "medical", mirror=True), expected)


def test_light_changes_every_image() -> None:
    changed = augment(IMAGES, draws(), "light", mirror=False)
    assert all(not torch.allclose(before, after, atol=0.01) for before, after in zip(IMAGES, changed, strict=True))


def test_zero_draws_leave_the_image_as_it_was() -> None:
    assert torch.allclose(augment(IMAGES, torch.zeros(6, 7), "light", mirror=False), IMAGES, atol=1e-5)


def test_a_shift_moves_by_its_share_of_the_width() -> None:
    spot = torch.zeros(1, 1, 101, 101)
    spot[0, 0, 50, 50] = 1
    numbers = torch.zeros(1, 7)
    numbers[0, 2] = 1
    row, column = divmod(int(augment(spot, numbers, "light", mirror=False).argmax()), 101)
    assert (row, 50 - column) == (50, round(SHIFT * 101))


def test_exposure_is_contrast_about_the_middle_and_brightness() -> None:
    numbers = torch.zeros(1, 7)
    numbers[0, 4], numbers[0, 5] = 1, 1
    flat = torch.full((1, 1, 8, 8), 0.6)
    expected = 0.5 + 0.1 * (1 + CONTRAST) + BRIGHTNESS
    assert torch.allclose(augment(flat, numbers, "light", mirror=False), torch.full((1, 1, 8, 8), expected))


@pytest.mark.parametrize("policy", POLICIES)
def test_mirroring_turns_the_images_whose_seventh_draw_is_positive(policy: Policy) -> None:
    numbers = draws(policy)
    turned = numbers[:, 6] > 0
    assert 0 < turned.sum() < len(turned)
    by_hand = torch.where(turned.view(-1, 1, 1, 1), IMAGES.flip(3), IMAGES)
    assert torch.equal(augment(IMAGES, numbers, policy, mirror=True), augment(by_hand, numbers, policy, mirror=False))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("policy", POLICIES)
def test_a_gpu_gives_what_a_cpu_gives(policy: Policy) -> None:
    images = torch.rand(32, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    numbers = draws(policy, 32)
    on_gpu = augment(images.cuda(), numbers.cuda(), policy, mirror=True).cpu()
    difference = (on_gpu - augment(images, numbers, policy, mirror=True)).abs()
    # where posterize, solarize or equalize stands after an interpolation, a few pixels fall on the step's other side
    assert (difference > 1e-4).float().mean() < 0.001
