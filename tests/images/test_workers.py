"""Processes that decode: what they send, and how they end."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from thaw.errors import UserError
from thaw.images import store as module
from thaw.images import workers
from thaw.images.sources import open_source
from thaw.images.store import build_store
from thaw.images.workers import Decoder, Workers


def pictures(count):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(count).integers(0, 256, (24, 24), dtype=np.uint8)).save(buffer, "PNG")
    return {f"class/{number:04}.png": buffer.getvalue() for number in range(count)}


def test_outcomes_come_in_small_lists(pack, tmp_path):
    array = tmp_path / "images.npy"
    np.save(array, np.zeros((70, 20, 20), np.uint8))
    with open_source(pack("tar.gz", pictures(70))) as source:
        decoder = Decoder(source, array, np.load(array, mmap_mode="r").offset, 20, None)
        job = {name: [row] for row, name in enumerate(sorted(pictures(70)))}
        assert [len(done) for done in decoder.outcomes(job)] == [32, 32, 6]
    assert np.load(array).any(axis=(1, 2)).all()


def test_error_in_a_worker_is_raised_here_and_ends_all(pack, tmp_path):
    with open_source(pack("zip", pictures(2))) as source:
        decoder = Decoder(source, tmp_path / "nowhere.npy", 128, 20, None)
        with Workers(decoder, 2) as pool, pytest.raises(FileNotFoundError) as raised:
            list(pool.outcomes([{"class/0000.png": [0]}, {"class/0001.png": [1]}]))
    assert "in outcomes" in "".join(raised.value.__notes__)
    assert not multiprocessing.active_children()


@pytest.fixture
def many_pictures(tmp_path):
    """A folder that takes half a minute to decode."""
    pixels = np.random.default_rng(0).integers(0, 256, (1000, 1000), dtype=np.uint8)
    folder = tmp_path / "many"
    folder.mkdir()
    Image.fromarray(pixels).save(folder / "0000.png")
    for number in range(1, 1500):
        (folder / f"{number:04}.png").hardlink_to(folder / "0000.png")
    return folder


def test_killed_worker_is_one_line(many_pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_processors", lambda: 2)

    def kill_one():
        while len(running := multiprocessing.active_children()) < 2:
            time.sleep(0.02)
        time.sleep(1)
        os.kill(running[0].pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    began = time.monotonic()
    names = sorted(file.name for file in many_pictures.iterdir())
    with pytest.raises(UserError, match=r"many: a decoding process was killed \(exit code -9\); is there enough mem"):
        build_store(many_pictures, names, 32, None, tmp_path / "images.npy")
    killer.join()
    assert time.monotonic() - began < 10
    assert not multiprocessing.active_children()
    assert not [file for file in tmp_path.iterdir() if "npy" in file.name]


SCRIPT = """
import sys
from pathlib import Path
from thaw.command import run
from thaw.images import store
folder = Path(sys.argv[1])
store._processors = lambda: 2
names = sorted(file.name for file in folder.iterdir())
run(lambda: store.build_store(folder, names, 32, None, folder.with_name("images.npy")))
"""


@pytest.fixture
def running(many_pictures, tmp_path):
    """A process group that decodes, without the usual guard of the main module; its processes' numbers."""
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py"), str(many_pictures)]
    parent = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    deadline = time.monotonic() + 30
    while len(started := children.read_text().split()) < 3 and time.monotonic() < deadline:  # and the resource tracker
        time.sleep(0.02)
    yield parent, started
    for process in started:
        if _alive(process):
            os.kill(int(process), signal.SIGKILL)
    parent.kill()
    parent.wait()
    parent.stderr.close()


def _ended(processes, within_s=10):
    deadline = time.monotonic() + within_s
    while any(map(_alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(_alive, processes))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
@pytest.mark.parametrize("after_s", [0.0, 1.5])
def test_workers_end_when_their_parent_is_killed(after_s, running):
    parent, started = running
    time.sleep(after_s)
    parent.kill()
    assert len(started) == 3
    assert _ended(started)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
@pytest.mark.parametrize("after_s", [0.0, 1.5])
def test_ctrl_c_ends_the_workers_at_once_and_quietly(after_s, running, tmp_path):
    parent, started = running
    time.sleep(after_s)
    os.killpg(parent.pid, signal.SIGINT)
    assert _ended([str(parent.pid), *started], within_s=3)
    assert parent.stderr.read() == "thaw: interrupted\n"
    assert parent.wait() == 130
    assert not [file for file in tmp_path.iterdir() if "npy" in file.name]


def _alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_ctrl_c_that_another_thread_hears_waits_until_the_workers_are_started():
    go, reached = threading.Event(), []

    def hear():
        go.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    thread = threading.Thread(target=hear)
    thread.start()  # before SIGINT is blocked, as numpy's threads are

    def start():
        with workers._starting():
            go.set()
            thread.join()
            time.sleep(0.1)
            reached.append(True)

    with pytest.raises(KeyboardInterrupt):
        start()
    assert reached
