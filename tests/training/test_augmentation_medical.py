from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor
from torchvision.transforms.v2 import functional as tv

from thaw.training.augmentation import augment, draw
from thaw.training.augmentation.medical import (
    ASPECT,
    CHANCE,
    ERASED,
    GAMMA,
    LOCAL_CONTRAST,
    NOISE,
    detector_noise,
    erase,
    focus,
    gamma,
    local_contrast,
)
from thaw.training.augmentation.noise import gaussian, pixel_hashes, uniform

# columns that decide on focus, noise, gamma, local contrast, erasing
DECIDING = {"focus": 7, "noise": 9, "gamma": 13, "local contrast": 15, "erasing": 17}


def column(*values: float) -> Tensor:
    return torch.tensor(values).view(-1, 1)


def seeds(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 2, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def mixed(word: int) -> int:
    for _ in range(2):
        word = ((word >> 16) ^ word) * 0x45D9F3B % 2**32
    return (word >> 16) ^ word


def test_each_change_happens_to_three_images_in_ten_independently() -> None:
    count = 20000
    numbers = draw(count, "medical", torch.Generator().manual_seed(0))
    happens = {name: numbers[:, place] < 2 * CHANCE - 1 for name, place in DECIDING.items()}
    images = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0)).repeat(count, 1, 1, 1)
    light = augment(images, numbers, "light", mirror=False)
    changed = (augment(images, numbers, "medical", mirror=False) != light).flatten(1).any(1)
    assert torch.equal(changed, torch.stack(list(happens.values())).any(0))
    for share in [float(column.float().mean()) for column in happens.values()]:
        assert share == pytest.approx(CHANCE, abs=4 * math.sqrt(CHANCE * (1 - CHANCE) / count))


@pytest.mark.parametrize("name", DECIDING)
def test_each_change_alone_is_its_own_function_of_light(name: str) -> None:
    numbers = draw(8, "medical", torch.Generator().manual_seed(0))
    numbers[:, list(DECIDING.values())] = 1
    numbers[:, DECIDING[name]] = -1
    images = torch.rand(8, 1, 40, 36, generator=torch.Generator().manual_seed(0))
    light = augment(images, numbers, "light", mirror=False)
    expected = {
        "focus": lambda: focus(light, numbers[:, 8:9]),
        "noise": lambda: detector_noise(light, numbers[:, 10:13]),
        "gamma": lambda: gamma(light, numbers[:, 14:15]),
        "local contrast": lambda: local_contrast(light, numbers[:, 16:17]),
        "erasing": lambda: erase(light, numbers[:, 18:24]),
    }[name]()
    assert torch.equal(augment(images, numbers, "medical", mirror=False), expected.clamp(0, 1))


def test_hashes_are_those_of_the_same_arithmetic_in_python() -> None:
    draws = torch.tensor([[-1.0, -1 + 2**-23], [0.25, 1 - 2**-23]])
    words = [(0, 1), (5 * 2**21, 2**24 - 1)]
    expected = [[mixed(mixed(mixed(a) ^ b) ^ mixed(pixel)) for pixel in range(6)] for a, b in words]
    assert pixel_hashes(draws, 2, 3).view(2, 6).tolist() == expected


def test_noise_is_standard_normal() -> None:
    numbers = gaussian(seeds(4), 224, 224).double()
    sample = numbers.flatten().numpy()
    assert sample.mean() == pytest.approx(0, abs=4 / math.sqrt(sample.size))
    assert sample.std() == pytest.approx(1, abs=4 / math.sqrt(2 * sample.size))
    assert stats.skew(sample) == pytest.approx(0, abs=4 * math.sqrt(6 / sample.size))
    # the table's 4096 values end at 3.67
    assert stats.kurtosis(sample) == pytest.approx(0, abs=0.06)
    assert stats.kstest(sample, "norm").statistic < 1.95 / math.sqrt(sample.size)


def test_noise_of_images_pixels_and_close_seeds_is_uncorrelated() -> None:
    close = torch.tensor([[0.5, 0.5], [0.5 + 2**-23, 0.5], [0.5, 0.5 + 2**-23], [-0.5, 0.5]])
    numbers = gaussian(torch.cat([close, seeds(12)]), 224, 224).double()
    bound = 5 / math.sqrt(224 * 224)
    correlation = torch.corrcoef(numbers.flatten(1))
    assert (correlation - torch.eye(16)).abs().max() < bound
    for image in numbers[:, 0]:
        assert float((image[1:] * image[:-1]).mean()) == pytest.approx(0, abs=bound)
        assert float((image[:, 1:] * image[:, :-1]).mean()) == pytest.approx(0, abs=bound)


def test_uniform_numbers_are_uniform() -> None:
    numbers = uniform(seeds(4), 224, 224)
    assert 0 <= numbers.min() < numbers.max() < 1
    sample = numbers.flatten().numpy()
    assert stats.kstest(sample, "uniform").statistic < 1.95 / math.sqrt(sample.size)


@pytest.mark.parametrize(("strength", "share"), [(-1, 0), (0, 0.5), (1, 1)])
def test_detector_noise_has_the_stated_deviation_and_mean(strength: float, share: float) -> None:
    numbers = torch.cat([torch.full((3, 1), float(strength)), seeds(3)], dim=1)
    noise = detector_noise(torch.full((3, 1, 224, 224), 0.5), numbers) - 0.5
    assert torch.allclose(noise.std((1, 2, 3)), torch.full((3,), NOISE * share), rtol=0.02)
    assert noise.mean((1, 2, 3)).abs().max() <= 5 * NOISE * share / 224


def test_gamma() -> None:
    images = torch.rand(3, 1, 20, 30, generator=torch.Generator().manual_seed(0))
    changed = gamma(images, column(-1, 0, 1))
    expected = [tv.adjust_gamma(image, power) for image, power in zip(images, (1 / GAMMA, 1, GAMMA), strict=True)]
    assert torch.allclose(changed, torch.stack(expected), atol=1e-6)


def test_local_contrast_stretches_about_the_local_mean_and_keeps_the_coarse() -> None:
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(48), indexing="ij")
    checks = ((rows + columns) % 2 * 2 - 1) * 0.1
    halves = torch.where(columns < 24, 0.3, 0.7)
    changed = local_contrast((halves + checks).expand(3, 1, 64, 48), column(-1, 0, 1))[:, 0]
    for image, factor in zip(changed, (1 - LOCAL_CONTRAST, 1, 1 + LOCAL_CONTRAST), strict=True):
        # more than a cell away from the edge between the halves
        assert torch.allclose(image[:, :18], (0.3 + factor * checks)[:, :18], atol=1e-6)
        assert torch.allclose(image[:, 30:], (0.7 + factor * checks)[:, 30:], atol=1e-6)


def test_focus_smooths_a_point_or_doubles_its_height_over_its_surroundings() -> None:
    point = torch.zeros(3, 1, 9, 9)
    point[:, 0, 4, 4] = 1
    smooth, same, sharp = focus(point, column(-1, 0, 1))[:, 0]
    assert torch.equal(same, point[1, 0])
    assert torch.allclose(smooth[3:6, 3:6] * 13, torch.tensor([[1.0, 1, 1], [1, 5, 1], [1, 1, 1]]))
    assert torch.allclose(sharp - same, same - smooth, atol=1e-6)
    variance = float((smooth.sum(0) * (torch.arange(9) - 4) ** 2).sum())
    assert math.sqrt(variance) == pytest.approx(0.7, abs=0.03)


@pytest.mark.parametrize(("height", "width"), [(224, 224), (150, 211)])
def test_erasing_replaces_one_rectangle_of_stated_area_and_aspect(height: int, width: int) -> None:
    numbers = torch.rand(60, 6, generator=torch.Generator().manual_seed(0)) * 2 - 1
    # 2 is no gray, so every erased pixel is seen
    changed = erase(torch.full((60, 1, height, width), 2.0), numbers)[:, 0]
    for image, (area, aspect) in zip(changed, numbers[:, :2].tolist(), strict=True):
        inside = image < 1
        rows, columns = inside.any(1).nonzero().flatten(), inside.any(0).nonzero().flatten()
        high, wide = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
        assert int(inside.sum()) == high * wide
        share = ERASED[0] + (ERASED[1] - ERASED[0]) * (area + 1) / 2
        assert high == pytest.approx(math.sqrt(share * height * width * ASPECT**aspect), abs=0.51)
        assert wide == pytest.approx(math.sqrt(share * height * width / ASPECT**aspect), abs=0.51)
        assert stats.kstest(image[inside].numpy(), "uniform").pvalue > 1e-5


@pytest.mark.parametrize("place", [-1.0, 1.0])
def test_erasing_reaches_the_corners_and_stays_inside(place: float) -> None:
    for aspect in (-1.0, 1.0):
        changed = erase(torch.full((1, 1, 10, 64), 2.0), torch.tensor([[1.0, aspect, place, place, 0, 0]]))[0, 0]
        assert changed[0 if place < 0 else -1, 0 if place < 0 else -1] < 1
        assert changed[-1 if place < 0 else 0, -1 if place < 0 else 0] == 2
