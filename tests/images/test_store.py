from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from thaw.errors import UserError
from thaw.images import store as module
from thaw.images import workers
from thaw.images.decode import decode
from thaw.images.sources import open_source
from thaw.images.store import build_store, check_losses

SHARED = Path(os.environ.get("THAW_SHARED", Path(__file__).parents[3] / "shared"))


def picture(number):
    pixels = np.random.default_rng(number).integers(0, 256, (24, 24), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def pictures(count):
    return {f"class/{number:04}.png": picture(number) for number in range(count)}


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz"])
def test_rows_are_the_decoded_pictures_in_the_order_asked(kind, pack, tmp_path):
    files = pictures(7)
    asked = sorted(files, reverse=True)
    quality = build_store(pack(kind, files), asked, 20, 22, tmp_path / "images.npy")
    rows = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert quality.empty
    assert list(quality.columns) == ["image", "action", "reason"]
    assert (rows.shape, rows.dtype) == ((7, 20, 20), np.uint8)
    for row, image in zip(rows, asked, strict=True):
        assert np.array_equal(row, decode(files[image], 20, 22).pixels)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_many_processes_write_the_same_bytes_as_one(kind, pack, tmp_path, monkeypatch):
    files = pictures(230)
    files["class/0007.png"] = b"damaged"
    path, asked = pack(kind, files), [*sorted(files)[::-1], "class/absent.png"]
    monkeypatch.setattr(module, "_processors", lambda: 2)
    parallel = build_store(path, asked, 20, None, tmp_path / "parallel.npy")
    monkeypatch.setattr(module, "_processors", lambda: 1)
    alone = build_store(pack("folder", files), asked, 20, None, tmp_path / "alone.npy")
    pd.testing.assert_frame_equal(parallel, alone)
    assert parallel["image"].tolist() == ["class/0007.png", "class/absent.png"]
    assert (tmp_path / "parallel.npy").read_bytes() == (tmp_path / "alone.npy").read_bytes()


def test_archives_in_a_folder_are_decoded_in_the_order_asked(pack, tmp_path, monkeypatch):
    files = pictures(12)
    folder = pack("folder", {"loose.png": picture(99)}, "set")
    expected = {"loose.png": picture(99)}
    for number, (name, content) in enumerate(files.items()):
        pack(["tar.gz", "zip", "tar"][number % 3], {name: content}, f"set.folder/images_{number:03}")
        expected[f"images_{number:03}.{['tar.gz', 'zip', 'tar'][number % 3]}/{name}"] = content
    monkeypatch.setattr(module, "_processors", lambda: 2)
    asked = sorted(expected, reverse=True)
    assert build_store(folder, asked, 20, None, tmp_path / "images.npy").empty
    for row, image in zip(np.load(tmp_path / "images.npy"), asked, strict=True):
        assert np.array_equal(row, decode(expected[image], 20, None).pixels)


def test_picture_asked_twice_fills_both_rows(pack, tmp_path):
    quality = build_store(pack("tar", pictures(2)), ["class/0001.png"] * 40, 20, None, tmp_path / "images.npy")
    rows = np.load(tmp_path / "images.npy")
    assert quality.empty
    assert (rows == decode(picture(1), 20, None).pixels).all()


def test_quarantined_images_have_a_reason_and_an_empty_row(pack, tmp_path):
    files = pictures(5) | {"class/0001.png": b"", "class/0003.png": picture(3)[:200]}
    asked = ["class/absent.png", *sorted(files)]
    quality = build_store(pack("tar", files), asked, 20, None, tmp_path / "images.npy")
    rows = np.load(tmp_path / "images.npy")
    assert quality["image"].tolist() == ["class/absent.png", "class/0001.png", "class/0003.png"]
    assert (quality["action"] == "quarantined").all()
    assert quality["reason"].tolist()[:2] == ["no such file in the source", "empty file"]
    assert rows.any(axis=(1, 2)).tolist() == [False, True, False, True, False, True]
    assert np.array_equal(rows[5], decode(files["class/0004.png"], 20, None).pixels)


def test_converted_images_are_reported_and_kept(pack, tmp_path):
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture(1))).convert("RGBA").save(buffer, "PNG")
    quality = build_store(pack("zip", {"a.png": buffer.getvalue()}), ["a.png"], 20, None, tmp_path / "images.npy")
    assert quality.to_dict("records") == [
        {"image": "a.png", "action": "converted", "reason": "RGBA with transparency over black"}
    ]
    assert np.load(tmp_path / "images.npy").any()


def test_no_image_asked_leaves_an_empty_array(pack, tmp_path):
    assert build_store(pack("zip", pictures(1)), [], 20, None, tmp_path / "images.npy").empty
    assert np.load(tmp_path / "images.npy").shape == (0, 20, 20)


def test_failed_run_leaves_the_earlier_store(pack, tmp_path, monkeypatch):
    path, target = pack("zip", pictures(3)), tmp_path / "out" / "images.npy"
    build_store(path, sorted(pictures(3)), 20, None, target)
    before = target.read_bytes()

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(workers, "decode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_store(path, sorted(pictures(3)), 20, None, target)
    assert target.read_bytes() == before
    assert sorted(file.name for file in target.parent.iterdir()) == ["images.npy"]


def test_losses_up_to_the_limit_pass_and_beyond_it_stop():
    quality = pd.DataFrame(
        {
            "image": ["a", "b", "c"],
            "action": ["quarantined", "converted", "quarantined"],
            "reason": ["empty", "x", "cut"],
        }
    )
    check_losses(quality, 20, 0.1)
    with pytest.raises(UserError) as raised:
        check_losses(quality, 20, 0.09)
    for part in ("2 of 20", "10.0%", "preprocess.max_quarantined = 0.09", "a: empty; c: cut", "reports/quality.csv"):
        assert part in str(raised.value)


def test_full_disk_is_one_line(pack, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workers.os, "pwrite", fail)
    with pytest.raises(UserError, match=r"images\.npy: cannot be written .*No space left"):
        build_store(pack("zip", pictures(1)), sorted(pictures(1)), 20, None, tmp_path / "images.npy")
    assert not [file for file in tmp_path.iterdir() if "npy" in file.name]


@pytest.mark.parametrize(
    ("archive", "images"),
    [("nih_chestxray14/nih_sample.tar", 1614), ("chest_xray_pneumonia/chest_xray.zip", 4539)],
)
def test_real_x_rays_are_read_without_loss(archive, images, tmp_path):
    path = SHARED / "data" / archive
    if not path.exists():
        pytest.skip("no shared X-rays here")
    with open_source(path) as source:
        names = [name for name in source.names() if name.endswith((".png", ".jpeg"))]
    assert len(names) == images
    assert build_store(path, names[:300], 64, None, tmp_path / "images.npy").empty
    means = np.load(tmp_path / "images.npy").mean(axis=(1, 2))
    assert ((means > 30) & (means < 225)).all()
