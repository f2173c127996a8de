"""Each operation of RandAugment against PIL or torchvision."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from thaw.training.augmentation import augment
from thaw.training.augmentation.randaugment import OPERATIONS

# magnitude 9 of 30
LEVEL = 0.3
NAMES = list(OPERATIONS)


def pictures(height: int = 60, width: int = 44) -> Tensor:
    """Smooth images of 256 levels (3, 1, H, W) that do not fill the range: bright, dark, and of few levels."""
    noise = torch.rand(3, 1, height // 4, width // 4, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(noise, size=(height, width), mode="bicubic").clamp(0, 1)
    smooth = smooth * torch.tensor([0.7, 0.4, 0.05]).view(-1, 1, 1, 1) + torch.tensor([0.3, 0, 0.5]).view(-1, 1, 1, 1)
    return (smooth * 255).round() / 255


def by_pil(images: Tensor, operation: Callable[[Image.Image], Image.Image]) -> Tensor:
    changed: Tensor = torch.stack([tv.pil_to_tensor(operation(tv.to_pil_image(image))) for image in images])
    return changed.float() / 255


def one(name: str, images: Tensor, sign: int = 1) -> Tensor:
    return OPERATIONS[name](images, torch.full((len(images),), sign * LEVEL)).clamp(0, 1)


def numbers_for(first: str, second: str, sign: int, count: int) -> Tensor:
    middles = [2 * (NAMES.index(name) + 0.5) / len(NAMES) - 1 for name in (first, second)]
    return torch.tensor([[*middles, sign * 0.5, sign * 0.5, 0, 0, 0]]).repeat(count, 1)


def test_the_operations_are_those_of_the_paper_without_color() -> None:
    assert NAMES == [
        "identity", "autocontrast", "equalize", "rotate", "shear_x", "shear_y", "translate_x", "translate_y",
        "posterize", "solarize", "brightness", "contrast", "sharpness",
    ]  # fmt: skip


def test_equal_shares_of_the_draws_choose_each_operation() -> None:
    images, width = pictures(), 2 / len(NAMES)
    for index, name in enumerate(NAMES):
        for edge in (index * width - 1 + 1e-5, (index + 1) * width - 1 - 1e-5):
            numbers = numbers_for("identity", "identity", 1, 3)
            numbers[:, 0] = edge
            assert torch.equal(augment(images, numbers, "randaugment", mirror=False), one(name, images)), name


def test_the_ends_of_the_range_choose_the_first_and_the_last() -> None:
    numbers = torch.tensor([[1.0, -1, 1, 1, 0, 0, 0]]).repeat(3, 1)
    changed = augment(pictures(), numbers, "randaugment", mirror=False)
    assert torch.equal(changed, one("sharpness", pictures()))


@pytest.mark.parametrize("sign", [1, -1])
def test_two_operations_follow_each_other(sign: int) -> None:
    numbers = numbers_for("brightness", "rotate", sign, 3)
    expected = one("rotate", one("brightness", pictures(), sign), sign)
    assert torch.equal(augment(pictures(), numbers, "randaugment", mirror=False), expected)


def test_signs_are_of_the_image_and_the_step() -> None:
    numbers = numbers_for("brightness", "shear_x", 1, 3)
    numbers[1, 2], numbers[2, 3] = -0.5, -0.5
    changed = augment(pictures(), numbers, "randaugment", mirror=False)
    bright, dark = one("brightness", pictures()), one("brightness", pictures(), -1)
    expected = [one("shear_x", bright)[0], one("shear_x", dark)[1], one("shear_x", bright, -1)[2]]
    assert torch.equal(changed, torch.stack(expected))


def test_identity() -> None:
    assert torch.equal(one("identity", pictures()), pictures())


def test_autocontrast() -> None:
    assert torch.allclose(one("autocontrast", pictures()), tv.autocontrast(pictures()), atol=1e-6)
    # PIL cuts its table off to whole levels
    assert torch.allclose(one("autocontrast", pictures()), by_pil(pictures(), ImageOps.autocontrast), atol=1.01 / 255)


@pytest.mark.parametrize("height", [60, 12, 224])
def test_equalize(height: int) -> None:
    images = pictures(height)
    assert torch.equal(one("equalize", images), by_pil(images, ImageOps.equalize))


def test_equalize_and_autocontrast_leave_a_flat_image() -> None:
    flat = torch.full((2, 1, 20, 20), 100 / 255)
    assert torch.equal(one("equalize", flat), flat)
    assert torch.equal(one("autocontrast", flat), flat)


def test_posterize_keeps_seven_bits() -> None:
    assert torch.equal(one("posterize", pictures()), by_pil(pictures(), lambda image: ImageOps.posterize(image, 7)))


def test_solarize_inverts_from_seven_tenths() -> None:
    assert torch.equal(one("solarize", pictures()), tv.solarize(pictures(), 0.7))
    assert not torch.equal(one("solarize", pictures())[0], pictures()[0])


@pytest.mark.parametrize("sign", [1, -1])
def test_brightness_contrast_and_sharpness(sign: int) -> None:
    factor, images = 1 + sign * 0.27, pictures()
    assert torch.allclose(one("brightness", images, sign), tv.adjust_brightness(images, factor), atol=1e-6)
    assert torch.allclose(one("contrast", images, sign), tv.adjust_contrast(images, factor), atol=1e-6)
    # torchvision rounds the smoothed picture to whole levels, PIL all
    assert torch.allclose(one("sharpness", images, sign), tv.adjust_sharpness(images, factor), atol=0.2 / 255)
    for name, enhancer in (
        ("brightness", ImageEnhance.Brightness), ("contrast", ImageEnhance.Contrast),
        ("sharpness", ImageEnhance.Sharpness),
    ):  # fmt: skip
        expected = by_pil(images, lambda image, enhancer=enhancer: enhancer(image).enhance(factor))  # type: ignore[misc]
        assert torch.allclose(one(name, images, sign), expected, atol=1.3 / 255), name


def affine(images: Tensor, translate: tuple[int, int], shear: tuple[float, float]) -> Tensor:
    moved: Tensor = tv.affine(images, 0.0, list(translate), 1.0, list(shear), InterpolationMode.BILINEAR)
    return moved


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("shape", [(60, 60), (61, 44)])
def test_rotation_by_nine_degrees(shape: tuple[int, int], sign: int) -> None:
    images = pictures(*shape)
    expected = tv.rotate(images, sign * 9.0, interpolation=InterpolationMode.BILINEAR)
    assert torch.allclose(one("rotate", images, sign), expected, atol=1e-4)


@pytest.mark.parametrize("sign", [1, -1])
def test_shear_by_nine_hundredths(sign: int) -> None:
    degrees = sign * float(torch.rad2deg(torch.atan(torch.tensor(0.09))))
    images = pictures(61, 44)
    assert torch.allclose(one("shear_x", images, sign), affine(images, (0, 0), (degrees, 0)), atol=1e-4)
    assert torch.allclose(one("shear_y", images, sign), affine(images, (0, 0), (0, degrees)), atol=1e-4)


@pytest.mark.parametrize("sign", [1, -1])
def test_translation_by_45_of_331_pixels(sign: int) -> None:
    wide, high = pictures(44, 331), pictures(331, 44)
    assert torch.allclose(one("translate_x", wide, sign), affine(wide, (-sign * 45, 0), (0, 0)), atol=1e-3)
    assert torch.allclose(one("translate_y", high, sign), affine(high, (0, -sign * 45), (0, 0)), atol=1e-3)
