"""Ctrl-C in the middle."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from thaw.fetch import fetch_all

if TYPE_CHECKING:
    from tests.fetch.conftest import FileServer


def press_ctrl_c() -> None:
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


def part_sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in folder.glob(".*.bin.part")]


def press_when(ready: Callable[[], bool]) -> None:
    def press() -> None:
        end_s = time.monotonic() + 10
        while not ready() and time.monotonic() < end_s:
            time.sleep(0.01)
        press_ctrl_c()

    threading.Thread(target=press, daemon=True).start()


def test_an_interrupt_leaves_parts_that_the_next_run_takes_up(server: FileServer, tmp_path: Path) -> None:
    files = [server.file(f"/{number}.bin") for number in range(6)]
    server.plans = {f"/{number}.bin": [server.hang_after(65_536, lambda: None)] for number in range(6)}
    press_when(lambda: part_sizes(tmp_path) == [65_536] * 4)
    start_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        fetch_all(files, tmp_path)
    assert time.monotonic() - start_s < 5
    assert part_sizes(tmp_path) == [65_536] * 4
    assert len(server.seen) == 4
    assert not list(tmp_path.glob("*.bin"))

    server.released.set()
    server.plans.clear()
    server.seen.clear()
    paths = fetch_all(files, tmp_path)
    assert all(path.read_bytes() == server.contents["/0.bin"] for path in paths)
    assert sorted(map(str, server.ranges())) == ["None", "None", *["bytes=65536-"] * 4]
    assert len(list(tmp_path.iterdir())) == 6


def test_nothing_is_written_after_an_interrupt(server: FileServer, tmp_path: Path) -> None:
    file = server.file(content=bytes(20_000_000), size_bytes=20_000_000)  # six seconds at this pace
    server.plans["/a.bin"] = [server.drip]
    press_when(lambda: sum(part_sizes(tmp_path)) > 100_000)
    with pytest.raises(KeyboardInterrupt):
        fetch_all([file], tmp_path)
    sizes = part_sizes(tmp_path)
    assert sizes[0] < 15_000_000
    time.sleep(0.1)
    assert part_sizes(tmp_path) == sizes


def test_an_interrupt_ends_a_pause(server: FileServer, tmp_path: Path) -> None:
    file = server.file()
    pausing: list[float] = []

    def busy(handler: object) -> None:
        server.say(429, Retry_After="60")(handler)  # type: ignore[arg-type]
        pausing.append(time.monotonic() + 0.05)

    server.plans["/a.bin"] = [busy]
    press_when(lambda: bool(pausing) and time.monotonic() > pausing[0])
    with pytest.raises(KeyboardInterrupt):
        fetch_all([file], tmp_path)
    assert time.monotonic() - pausing[0] < 0.8
    assert len(server.seen) == 1
