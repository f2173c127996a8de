from __future__ import annotations

import io

import numpy as np
from PIL import Image

from tests.conftest import Pack
from tests.planning.made import tiny
from thaw.planning.costs import PictureCost
from thaw.planning.pictures import time_decoding, time_phantoms

PREPROCESS = tiny().preprocess


def png(seed: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (64, 64), np.uint8)).save(file, "png")
    return file.getvalue()


def test_phantoms_are_drawn_and_decoded() -> None:
    phantom = tiny(dataset__phantom={"images": 20, "size": 64, "seed": 0}).dataset.phantom
    cost = time_phantoms(phantom, PREPROCESS)
    assert cost.decode_seconds is not None
    assert cost.draw_seconds is not None
    assert cost.draw_bytes is not None
    assert min(cost.decode_seconds, cost.draw_seconds) > 0
    assert 500 < cost.draw_bytes < 64 * 64


def test_pictures_are_decoded_where_they_are_reached_directly(pack: Pack) -> None:
    files = {f"{row}.png": png(row) for row in range(3)}
    for kind in ("folder", "zip"):
        cost = time_decoding(pack(kind, files), list(files), PREPROCESS)
        assert cost.decode_seconds is not None
        assert cost.decode_seconds > 0
    outer = pack("tar.gz", files, name="outer/inner").parent
    assert time_decoding(outer, [f"inner.tar.gz/{name}" for name in files], PREPROCESS) == PictureCost(None)


def test_unreadable_pictures_tell_nothing(pack: Pack) -> None:
    files = {"0.png": b"no picture"}
    assert time_decoding(pack("folder", files), ["0.png", "missing.png"], PREPROCESS) == PictureCost(None)
