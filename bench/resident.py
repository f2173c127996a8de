"""How much memory a program holds, its own apart from pages of files, which the system can take back at any time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.1
KIB_A_GIB = 2**20


@dataclass
class Memory:
    """Proportional set sizes in GiB: a page that n processes share counts 1/n in each.

    Attributes:
        own: anonymous pages, which nothing but swap can take from the program.
        files: pages of mapped files, libraries and arrays.
        both: own and files together; a peak of it is not the sum of the other peaks.
    """

    own: float = 0.0
    files: float = 0.0
    both: float = 0.0

    def raise_to(self, other: Memory) -> None:
        """Keep the larger of each figure."""
        self.own, self.files = max(self.own, other.own), max(self.files, other.files)
        self.both = max(self.both, other.both)


def held() -> Memory:
    """What this process and its children hold now; zeros where the system does not tell (it is not Linux)."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    if not children.is_file():
        return Memory()
    total = Memory()
    for pid in (str(os.getpid()), *children.read_text().split()):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:  # it ended meanwhile
            continue
        sizes = {line.split(":")[0]: int(line.split()[1]) / KIB_A_GIB for line in lines[1:]}
        total.own += sizes["Pss_Anon"] + sizes["Pss_Shmem"]
        total.files += sizes["Pss_File"]
        total.both += sizes["Pss"]
    return total


@contextmanager
def peak_memory() -> Iterator[Memory]:
    """The most memory held while the context is open, looked at ten times a second."""
    peak, done = Memory(), threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            peak.raise_to(held())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()
        peak.raise_to(held())
