from __future__ import annotations

import torch

from thaw.training.augmentation import BRIGHTNESS, CONTRAST, SHIFT, augment, draw

IMAGES = torch.rand(6, 1, 32, 32, generator=torch.Generator().manual_seed(0))


def draws(seed: int = 0) -> torch.Tensor:
    return draw(6, torch.Generator().manual_seed(seed))


def test_none_changes_nothing() -> None:
    assert torch.equal(augment(IMAGES, draws(), "none", mirror=False), IMAGES)


def test_light_changes_every_image_and_stays_in_range() -> None:
    changed = augment(IMAGES, draws(), "light", mirror=False)
    assert changed.shape == IMAGES.shape
    assert all(not torch.allclose(before, after, atol=0.01) for before, after in zip(IMAGES, changed, strict=True))
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_an_image_is_changed_by_its_own_numbers_whatever_its_batch() -> None:
    whole = augment(IMAGES, draws(), "light", mirror=False)
    order = torch.tensor([4, 1])
    part = augment(IMAGES[order], draws()[order], "light", mirror=False)
    assert torch.allclose(part, whole[order], atol=1e-6)


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


def test_mirroring_happens_only_when_asked_and_to_some() -> None:
    mirrored = augment(IMAGES, draws(), "none", mirror=True)
    same = [torch.equal(before, after) for before, after in zip(IMAGES, mirrored, strict=True)]
    flipped = [torch.equal(before.flip(2), after) for before, after in zip(IMAGES, mirrored, strict=True)]
    assert all(kept != turned for kept, turned in zip(same, flipped, strict=True))
    assert any(flipped)
    assert any(same)
