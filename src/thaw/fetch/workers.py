"""Jobs on a few threads that all stop at the first error and at Ctrl-C."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

THREADS = 4
LOOK_S = 0.2  # how often the main thread is awake for Ctrl-C, where the system would not wake it
GRACE_S = 1.0

Job = Callable[[], None]


class StoppedError(Exception):
    """The job was asked to stop."""


def check(stop: threading.Event) -> None:
    """Raise StoppedError where ``stop`` is set; for jobs to call often."""
    if stop.is_set():
        raise StoppedError


def run_all(jobs: Sequence[Job], stop: threading.Event) -> None:
    """Run all jobs, at most four at a time; raise the first error of one, after telling the others to stop."""
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    # daemon threads: one that waits for a silent server must not keep an interrupted program alive
    threads = [threading.Thread(target=_work, args=(waiting, ended, stop), daemon=True) for _ in jobs[:THREADS]]
    try:
        for thread in threads:
            thread.start()
        for _ in jobs:
            error = _next(ended)
            if error is not None:
                raise error
    finally:
        stop.set()
        end_s = time.monotonic() + GRACE_S
        for thread in threads:
            thread.join(max(end_s - time.monotonic(), 0))


def _work(
    waiting: queue.SimpleQueue[Job], ended: queue.SimpleQueue[BaseException | None], stop: threading.Event
) -> None:
    while not stop.is_set():
        try:
            job = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            job()
        except BaseException as error:  # raised again in the main thread
            ended.put(error)
        else:
            ended.put(None)


def _next(ended: queue.SimpleQueue[BaseException | None]) -> BaseException | None:
    while True:
        try:
            return ended.get(timeout=LOOK_S)
        except queue.Empty:
            continue
