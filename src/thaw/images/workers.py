"""Decoding in processes of their own: each streams jobs from the source and writes rows into the array.

Nothing here imports pandas or torch, and a worker does not import the main module, so that it stays small.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from thaw.errors import UserError
from thaw.images.decode import decode
from thaw.images.sources import ImageSource, MemberError
from thaw.images.unreadable import UnreadableError

BLOCK_IMAGES = 32  # decoded pictures that a process holds at most
QUARANTINED, CONVERTED = "quarantined", "converted"

Job = Mapping[str, Sequence[int]]  # name -> the rows that the picture fills


@dataclass(frozen=True)
class Outcome:
    """What became of one row; ``action`` and ``reason`` are None where there is nothing to report."""

    row: int
    image: str
    action: str | None
    reason: str | None


@dataclass(frozen=True)
class Decoder:
    """Decodes jobs into rows of an array of zeros on disk; may be sent to another process.

    Attributes:
        source: Where the pictures come from.
        array: An .npy of uint8 ``(rows, size_px, size_px)``.
        first_byte: Length of its header.
        size_px, crop_from_px: See ``thaw.images.decode.decode``.
    """

    source: ImageSource
    array: Path
    first_byte: int
    size_px: int
    crop_from_px: int | None

    def outcomes(self, job: Job) -> Iterator[list[Outcome]]:
        """Decode a job, yielding what has been written; a row stays zero where its picture is quarantined.

        Written with pwrite: the pages of a memory map would count as this process's memory.
        """
        block = np.zeros((BLOCK_IMAGES, self.size_px, self.size_px), np.uint8)
        done: list[Outcome] = []
        file = os.open(self.array, os.O_WRONLY)
        try:
            for image, content in self.source.stream(job):
                pixels, action, reason = self._decoded(content)
                for row in job[image]:
                    block[len(done)] = pixels
                    done.append(Outcome(row, image, action, reason))
                    if len(done) == BLOCK_IMAGES:
                        self._write(file, block, done)
                        yield done
                        done = []
            self._write(file, block, done)
            yield done
        finally:
            os.close(file)

    def _decoded(self, content: bytes | MemberError) -> tuple[NDArray[np.uint8] | int, str | None, str | None]:
        """Return the pixels (0 where there are none), the action and its reason."""
        try:
            if isinstance(content, MemberError):
                raise content
            decoded = decode(content, self.size_px, self.crop_from_px)
        except (MemberError, UnreadableError) as error:
            return 0, QUARANTINED, str(error)
        return decoded.pixels, CONVERTED if decoded.conversion else None, decoded.conversion

    def _write(self, file: int, block: NDArray[np.uint8], done: Sequence[Outcome]) -> None:
        """Write the block's pictures to their rows, neighbours in one go."""
        first = 0
        for end in range(1, len(done) + 1):
            if end == len(done) or done[end].row != done[end - 1].row + 1:
                start = self.first_byte + done[first].row * self.size_px**2
                _write_all(file, block[first:end].data.cast("B"), start)
                first = end


def _write_all(file: int, content: memoryview, offset: int) -> None:
    while content:
        written = os.pwrite(file, content, offset)
        content, offset = content[written:], offset + written


class Workers:
    """Processes that decode jobs; they end with the block, at Ctrl-C and with a parent that was killed.

    Every worker has a pipe of its own: one that dies can neither block the others nor stay unnoticed.
    """

    def __init__(self, decoder: Decoder, processes: int) -> None:
        self._decoder = decoder
        self._processes: dict[Connection[Any, Any], BaseProcess] = {}
        # spawn: a fork would copy the threads' locks of whatever is loaded
        context = multiprocessing.get_context("spawn")
        try:
            with _starting():
                for _ in range(processes):
                    ours, theirs = context.Pipe()
                    process = context.Process(target=_serve, args=(decoder, theirs), daemon=True)
                    process.start()
                    theirs.close()
                    self._processes[ours] = process
        except BaseException:
            self.end()
            raise

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Hand out jobs and yield the outcomes as they come, in no order.

        Raises:
            UserError: A process died.
            Exception: What a process raised.
        """
        waiting = iter(jobs)
        busy = [connection for connection in self._processes if self._hand_out(connection, waiting)]
        while busy:
            ready: list[Any] = wait(busy)
            for connection in ready:
                message = self._received(connection)
                if isinstance(message, Exception):
                    raise message
                yield from message
                # an empty list ends a job
                if not message and not self._hand_out(connection, waiting):
                    busy.remove(connection)

    def _hand_out(self, connection: Connection[Any, Any], jobs: Iterator[Job]) -> bool:
        job = next(jobs, None)
        if job is None:
            return False
        try:
            connection.send(job)
        except OSError as error:
            raise self._died(connection) from error
        return True

    def _received(self, connection: Connection[Any, Any]) -> list[Outcome] | Exception:
        try:
            message: list[Outcome] | Exception = connection.recv()
        except (EOFError, OSError) as error:
            raise self._died(connection) from error
        return message

    def _died(self, connection: Connection[Any, Any]) -> UserError:
        process = self._processes[connection]
        process.join(1)
        code = process.exitcode
        return UserError(
            f"{self._decoder.source.path}: a decoding process was killed (exit code {code}); is there enough memory?"
        )

    def end(self) -> None:
        """End the processes at once; what they have written stays."""
        for process in self._processes.values():
            process.kill()
        for connection, process in self._processes.items():
            process.join()
            process.close()
            connection.close()
        self._processes.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


@contextmanager
def _starting() -> Iterator[None]:
    """Start processes that neither import the main module, with pandas and all it needs, nor hear Ctrl-C."""
    resource_tracker.ensure_running()  # started later it would let Ctrl-C through
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        with _interrupted_afterwards():
            yield
    finally:
        sys.modules["__main__"] = main
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)


@contextmanager
def _interrupted_afterwards() -> Iterator[None]:
    """Keep a Ctrl-C that another thread hears (numpy has some) until a process has all that it is started with."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if heard:
        raise KeyboardInterrupt


def _serve(decoder: Decoder, connection: Connection[Any, Any]) -> None:
    """Answer each job with lists of outcomes, an empty one at its end, or with the error that stopped it."""
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    while True:
        try:
            job = connection.recv()
            for done in decoder.outcomes(job):
                if done:
                    connection.send(done)
            connection.send([])
        except Exception as error:
            error.add_note(traceback.format_exc())
            connection.send(error)


def _leave_with_parent() -> None:
    # a worker whose parent was killed would go on to the end of its job
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
