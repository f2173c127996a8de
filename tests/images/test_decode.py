from __future__ import annotations

import contextlib
import io
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from thaw.images.decode import UnreadableError, decode


def chest(width=64, height=64):
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return np.rint(40 + 120 * down + 60 * across * (1 - down)).astype(np.uint8)


def encoded(picture, file_format="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


GRAY = Image.fromarray(chest())
PNG = encoded(GRAY)
JPEG = encoded(GRAY, "JPEG")


def test_gray_of_the_right_size_is_unchanged():
    decoded = decode(PNG, 64, None)
    assert decoded.pixels.dtype == np.uint8
    assert np.array_equal(decoded.pixels, chest())
    assert decoded.conversion is None


def test_three_equal_channels_are_gray_without_a_note():
    decoded = decode(encoded(GRAY.convert("RGB")), 64, None)
    assert np.array_equal(decoded.pixels, chest())
    assert decoded.conversion is None


def sixteen_bit(picture):
    return Image.fromarray(np.asarray(picture).astype(np.uint16) * 17)


def opaque(picture):
    return picture.convert("RGBA")


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (encoded(opaque(GRAY)), "RGBA with transparency over black"),
        (encoded(GRAY.convert("LA")), "LA with transparency over black"),
        (encoded(GRAY.convert("P", palette=Image.Palette.ADAPTIVE, colors=256)), "palette to gray"),
        (encoded(sixteen_bit(GRAY)), "16-bit scaled to 8-bit"),
        (encoded(sixteen_bit(GRAY), "TIFF"), "16-bit scaled to 8-bit"),
        (encoded(Image.fromarray(chest().astype(np.int32) * -100_000), "TIFF"), "32-bit integer scaled to 8-bit"),
        (encoded(Image.fromarray(chest().astype(np.float32) / 1000), "TIFF"), "float scaled to 8-bit"),
        (encoded(GRAY.convert("CMYK"), "JPEG"), "CMYK to gray"),
        (encoded(Image.merge("RGB", [GRAY, GRAY, GRAY.point(lambda value: value // 2)])), "colour to gray"),
    ],
)
def test_other_modes_become_gray_and_say_so(data, note):
    decoded = decode(data, 64, None)
    assert decoded.conversion == note
    likeness = np.corrcoef(decoded.pixels.ravel(), chest().ravel())[0, 1]
    assert abs(likeness) > 0.99


def test_one_bit_becomes_black_and_white():
    decoded = decode(encoded(GRAY.convert("1")), 64, None)
    assert decoded.conversion == "1-bit to gray"
    assert np.array_equal(decoded.pixels, np.asarray(GRAY.convert("1")) * 255)


def test_sixteen_bit_is_stretched_over_its_own_range():
    pixels = decode(encoded(sixteen_bit(GRAY)), 64, None).pixels
    assert (pixels.min(), pixels.max()) == (0, 255)
    expected = (chest() - 40.0) / (chest().max() - 40.0) * 255
    assert np.abs(pixels - expected).max() <= 0.5 + 1e-6


def test_transparent_pixels_become_black():
    colours = np.dstack([chest()] * 3 + [np.full((64, 64), 255, np.uint8)])
    colours[:32, :, 3] = 0
    pixels = decode(encoded(Image.fromarray(colours)), 64, None).pixels
    assert (pixels[:32] == 0).all()
    assert np.array_equal(pixels[32:], chest()[32:])


def test_transparent_palette_and_gray_are_composited():
    pixels = decode(encoded(GRAY, transparency=int(chest()[0, 0])), 64, None).pixels
    assert pixels[0, 0] == 0
    indexed = GRAY.convert("P", palette=Image.Palette.ADAPTIVE, colors=256)
    pixels = decode(encoded(indexed, transparency=np.asarray(indexed)[-1, 0].item()), 64, None).pixels
    assert pixels[-1, 0] == 0


@pytest.mark.parametrize("orientation", range(2, 9))
def test_exif_orientation_is_undone(orientation):
    turned = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]  # the turn that the tag undoes
    methods = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    wide = Image.fromarray(chest(80, 48))
    data = encoded(wide.transpose(methods[turned]), "PNG", exif=exif)
    decoded = decode(data, 48, 48)
    assert decoded.conversion == "rotated by EXIF"
    assert np.array_equal(decoded.pixels, decode(encoded(wide), 48, 48).pixels)


def test_broken_exif_does_not_lose_the_picture():
    assert decode(encoded(GRAY, "JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xff"), 64, None).conversion is None


def test_float_with_nan_and_infinity_is_kept_finite():
    values = chest().astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    pixels = decode(encoded(Image.fromarray(values), "TIFF"), 64, None).pixels
    assert pixels[0, :3].tolist() == [0, 255, 0]


def test_whole_picture_is_squeezed_without_a_crop():
    wide = chest(200, 100)
    pixels = decode(encoded(Image.fromarray(wide)), 50, None).pixels
    assert np.abs(pixels[:, 0].astype(float) - wide[::2, 0]).max() < 4
    assert np.abs(pixels[:, -1].astype(float) - wide[::2, -1]).max() < 4


@pytest.mark.parametrize(("width", "height"), [(256, 256), (512, 512), (512, 256), (300, 700), (97, 61)])
def test_crop_is_the_centre_of_the_resized_picture(width, height):
    picture = Image.fromarray(chest(width, height))
    scale = 256 / min(width, height)
    resized = picture.resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC)
    left, top = (resized.width - 224) // 2, (resized.height - 224) // 2
    expected = np.asarray(resized.crop((left, top, left + 224, top + 224))).astype(int)
    pixels = decode(encoded(picture), 224, 256).pixels
    assert pixels.shape == (224, 224)
    assert np.abs(pixels - expected).max() <= 2


def test_reduction_is_antialiased():
    stripes = np.tile(np.array([0, 255], np.uint8), (256, 128))
    stripes[0, 0] = 100
    pixels = decode(encoded(Image.fromarray(stripes)), 64, None).pixels[1:, 1:-1]
    assert np.abs(pixels.astype(int) - 128).max() < 8


def test_very_long_picture_is_cropped_without_growing():
    assert decode(encoded(Image.fromarray(chest(40_000, 16))), 224, 256).pixels.shape == (224, 224)


def damaged(data, at):
    changed = bytearray(data)
    changed[at] ^= 0x10
    return bytes(changed)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"%PDF-1.7 not a picture", "not a picture of a known format"),
        (PNG[: len(PNG) // 2], "damaged or truncated"),
        (PNG[:-12], "damaged or truncated"),
        (JPEG[: len(JPEG) * 2 // 3], "damaged or truncated"),
        (damaged(PNG, len(PNG) // 2), "damaged or truncated"),
        (encoded(Image.new("L", (1, 1))), "1 x 1 pixels: smaller than 16 on a side"),
        (encoded(Image.fromarray(chest(200, 15))), "200 x 15 pixels: smaller than 16"),
        (encoded(Image.new("L", (64, 64), 7)), "constant picture: every pixel is 7"),
        (encoded(Image.new("RGB", (64, 64), "red")), "constant picture"),
        (encoded(Image.new("I;16", (64, 64), 900)), "constant picture: every pixel is 900"),
        (encoded(Image.fromarray(np.full((64, 64), np.nan, np.float32)), "TIFF"), "no finite pixel"),
    ],
)
def test_unusable_bytes_have_a_reason(data, reason):
    with pytest.raises(UnreadableError, match=reason):
        decode(data, 64, None)


def test_decompression_bomb_is_refused_before_it_is_decoded():
    header = bytearray(encoded(Image.new("1", (100, 100))))
    header[16:24] = (60_000).to_bytes(4, "big") + (60_000).to_bytes(4, "big")
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
    with pytest.raises(UnreadableError, match="too many pixels"):
        decode(bytes(header), 64, None)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([PNG, JPEG, encoded(GRAY, "TIFF"), encoded(GRAY, "BMP"), encoded(GRAY, "GIF")]), st.data())
def test_any_damage_gives_pixels_or_a_reason(data, draw):
    changed = bytearray(data[: draw.draw(st.integers(0, len(data)))])
    for at in draw.draw(st.lists(st.integers(0, max(len(changed) - 1, 0)), max_size=4)):
        if changed:
            changed[at] = draw.draw(st.integers(0, 255))
    with contextlib.suppress(UnreadableError):
        assert decode(bytes(changed), 32, None).pixels.shape == (32, 32)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(PNG) - 1), st.integers(1, 255))
def test_no_changed_byte_of_a_png_gives_other_pixels_unnoticed(at, change):
    changed = bytearray(PNG)
    changed[at] ^= change
    with contextlib.suppress(UnreadableError):
        assert np.array_equal(decode(bytes(changed), 64, None).pixels, chest())
