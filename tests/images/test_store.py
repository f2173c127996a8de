from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from thaw.errors import UserError
from thaw.images import store as module
from thaw.images.decode import decode
from thaw.images.store import build_store, check_losses, open_store

SHARED = Path(os.environ.get("THAW_SHARED", Path(__file__).parents[3] / "shared"))


def picture(number):
    pixels = np.random.default_rng(number).integers(0, 256, (24, 24), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def pictures(count):
    return {f"class/{number:04}.png": picture(number) for number in range(count)}


def opened(target):
    return open_store(target, target.with_suffix(".csv"))


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_rows_are_the_decoded_pictures_in_the_order_asked(kind, pack, tmp_path):
    files = pictures(7)
    asked = sorted(files, reverse=True)
    quality = build_store(pack(kind, files), asked, 20, 22, tmp_path / "images.npy")
    store = opened(tmp_path / "images.npy")
    assert quality.empty
    assert list(quality.columns) == ["image", "action", "reason"]
    assert store.rows == {image: row for row, image in enumerate(asked)}
    for image in asked:
        assert np.array_equal(store.pixels[store.rows[image]], decode(files[image], 20, 22).pixels)


def test_store_is_read_only(pack, tmp_path):
    build_store(pack("zip", pictures(2)), sorted(pictures(2)), 20, None, tmp_path / "images.npy")
    with pytest.raises(ValueError, match="read-only"):
        opened(tmp_path / "images.npy").pixels[0, 0, 0] = 1


def test_many_processes_write_the_same_bytes_as_one(pack, tmp_path, monkeypatch):
    files = pictures(230)
    files["class/0007.png"] = b"damaged"
    path, asked = pack("zip", files), [*sorted(files), "class/absent.png"]
    monkeypatch.setattr(module, "_processors", lambda: 2)
    parallel = build_store(path, asked, 20, None, tmp_path / "parallel.npy")
    monkeypatch.setattr(module, "_processors", lambda: 1)
    alone = build_store(path, asked, 20, None, tmp_path / "alone.npy")
    pd.testing.assert_frame_equal(parallel, alone)
    for suffix in (".npy", ".csv"):
        assert (tmp_path / f"parallel{suffix}").read_bytes() == (tmp_path / f"alone{suffix}").read_bytes()


def test_quarantined_images_have_a_reason_and_no_row(pack, tmp_path):
    files = pictures(5) | {"class/0001.png": b"", "class/0003.png": picture(3)[:200]}
    asked = ["class/absent.png", *sorted(files)]
    quality = build_store(pack("tar", files), asked, 20, None, tmp_path / "images.npy")
    store = opened(tmp_path / "images.npy")
    assert quality["image"].tolist() == ["class/absent.png", "class/0001.png", "class/0003.png"]
    assert (quality["action"] == "quarantined").all()
    assert quality["reason"].tolist()[:2] == ["no such file in the source", "empty file"]
    assert list(store.rows) == ["class/0000.png", "class/0002.png", "class/0004.png"]
    assert store.pixels.shape == (3, 20, 20)
    assert np.array_equal(store.pixels[2], decode(files["class/0004.png"], 20, None).pixels)


def test_converted_images_are_reported_and_kept(pack, tmp_path):
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture(1))).convert("RGBA").save(buffer, "PNG")
    quality = build_store(pack("zip", {"a.png": buffer.getvalue()}), ["a.png"], 20, None, tmp_path / "images.npy")
    assert quality.to_dict("records") == [
        {"image": "a.png", "action": "converted", "reason": "RGBA with transparency over black"}
    ]
    assert opened(tmp_path / "images.npy").rows == {"a.png": 0}


def test_nothing_readable_leaves_an_empty_store(pack, tmp_path):
    quality = build_store(pack("zip", {"a.png": b""}), ["a.png"], 20, None, tmp_path / "images.npy")
    assert len(quality) == 1
    assert opened(tmp_path / "images.npy").pixels.shape == (0, 20, 20)


def test_failed_run_leaves_the_earlier_store(pack, tmp_path, monkeypatch):
    path, target = pack("zip", pictures(3)), tmp_path / "out" / "images.npy"
    build_store(path, sorted(pictures(3)), 20, None, target)
    before = target.read_bytes()

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "decode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_store(path, sorted(pictures(3)), 20, None, target)
    assert target.read_bytes() == before
    assert sorted(file.name for file in target.parent.iterdir()) == ["images.csv", "images.npy"]


def test_losses_up_to_the_limit_pass_and_beyond_it_stop():
    quality = pd.DataFrame(
        {
            "image": ["a", "b", "c"],
            "action": ["quarantined", "converted", "quarantined"],
            "reason": ["empty", "x", "cut"],
        }
    )
    images = [str(number) for number in range(20)]
    check_losses(quality, images, 0.1)
    with pytest.raises(UserError) as raised:
        check_losses(quality, images, 0.09)
    for part in ("2 of 20", "10.0%", "preprocess.max_quarantined = 0.09", "a: empty; c: cut", "reports/quality.csv"):
        assert part in str(raised.value)


def test_array_and_table_of_different_runs_are_refused(pack, tmp_path):
    build_store(pack("zip", pictures(3)), sorted(pictures(3)), 20, None, tmp_path / "images.npy")
    (tmp_path / "images.csv").write_text("row,image\n0,a.png\n")
    with pytest.raises(UserError, match="has 3 rows"):
        opened(tmp_path / "images.npy")


KILLED = """
import sys
from pathlib import Path
from thaw.images import store
if __name__ == "__main__":
    store._processors = lambda: 2
    store.build_store(Path(sys.argv[1]), sys.argv[2].split() * 100_000, 32, None, Path(sys.argv[3]))
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_workers_end_when_their_parent_is_killed(pack, tmp_path):
    files = pictures(1)
    (tmp_path / "script.py").write_text(KILLED)
    arguments = [str(pack("zip", files)), *files, str(tmp_path / "images.npy")]
    parent = subprocess.Popen([sys.executable, str(tmp_path / "script.py"), *arguments])
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    deadline = time.monotonic() + 30
    while len(workers := children.read_text().split()) < 3 and time.monotonic() < deadline:  # and the resource tracker
        time.sleep(0.05)
    time.sleep(1)
    parent.kill()
    parent.wait()
    while any(_alive(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(workers) >= 2
    assert not [worker for worker in workers if _alive(worker)]


def _alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("archive", "images"),
    [("nih_chestxray14/nih_sample.tar", 1614), ("chest_xray_pneumonia/chest_xray.zip", 4539)],
)
def test_real_x_rays_are_read_without_loss(archive, images, tmp_path):
    path = SHARED / "data" / archive
    if not path.exists():
        pytest.skip("no shared X-rays here")
    with module.open_source(path) as source:
        names = [name for name in source.names() if name.endswith((".png", ".jpeg"))]
    assert len(names) == images
    assert build_store(path, names[:300], 64, None, tmp_path / "images.npy").empty
    means = opened(tmp_path / "images.npy").pixels.mean(axis=(1, 2))
    assert ((means > 30) & (means < 225)).all()
