"""Activations of many images on disk, memory-mapped, found again by what they were computed from.

Every strategy of a model and seed that leaves the same blocks frozen finds what the first one computed. The folder may
be removed at any time; the oldest entries go first when it grows beyond its limit.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from thaw.files import read_json, replacing, write_json
from thaw.training.device import GIB

FOLDER = Path("data/activations")
DISK_LEFT = 0.9  # of what is free on the disk, so much may be taken
DEVICE_SHARE = 0.25  # of a GPU's free memory, for one entry


@dataclass(frozen=True)
class Kept:
    """Activations of all images of a split.

    Attributes:
        values: (images, …), mapped from the disk or on a GPU.
        seconds: what computing them took.
    """

    values: Tensor
    seconds: float


class Store:
    """A folder of activations, each a file of numbers and a JSON file that describes it.

    Args:
        folder: where.
        limit_gib: the folder's largest size.
        identity: digest of the images and the program that the activations come from.
    """

    def __init__(self, folder: Path, limit_gib: float, identity: str) -> None:
        self.folder, self.limit, self.identity = folder, limit_gib * GIB, identity

    def fits(self, size_bytes: int) -> bool:
        """Whether so many bytes keep within the limit and the disk."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return size_bytes <= min(self.limit, DISK_LEFT * shutil.disk_usage(self.folder).free + self._used())

    def has(self, key: str) -> bool:
        """Whether the activations of ``key`` are there."""
        return self._described(key).is_file()

    def get(self, key: str, count: int, compute: Callable[[], Iterable[Tensor]], device: torch.device) -> Kept:
        """The activations of ``key``, computed where they are not there.

        Args:
            key: digest of everything but the images that decides them; a file name.
            count: images.
            compute: gives the activations (B, …) batch by batch.
            device: where the caller computes.
        """
        described = self._described(key)
        if not self.has(key):
            self._write(key, count, compute)
        described.touch()  # the oldest are those that nobody asked for
        about = read_json(described)
        size = torch.Size(about["shape"])
        dtype = getattr(torch, about["dtype"])
        values = torch.from_file(str(self._numbers(key)), shared=False, size=size.numel(), dtype=dtype).view(size)
        return Kept(_on_device(values, device), about["seconds"])

    def _write(self, key: str, count: int, compute: Callable[[], Iterable[Tensor]]) -> None:
        started, done = time.perf_counter(), 0
        with replacing(self._numbers(key)) as path:
            for batch in compute():
                if done == 0:
                    size = torch.Size((count, *batch.shape[1:]))
                    self._make_room(size.numel() * batch.element_size())
                    path.touch()
                    numbers = torch.from_file(str(path), shared=True, size=size.numel(), dtype=batch.dtype).view(size)
                numbers[done : done + len(batch)] = batch.cpu()
                done += len(batch)
        seconds = round(time.perf_counter() - started, 3)
        dtype = str(numbers.dtype).removeprefix("torch.")
        write_json(self._described(key), {"shape": list(size), "dtype": dtype, "seconds": seconds})

    def _make_room(self, size_bytes: int) -> None:
        oldest = sorted(self.folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        while oldest and self._used() + size_bytes > self.limit:
            described = oldest.pop(0)
            described.unlink(missing_ok=True)
            self._numbers(described.stem).unlink(missing_ok=True)

    def _used(self) -> int:
        return sum(path.stat().st_size for path in self.folder.glob("*.bin"))

    def _described(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _numbers(self, key: str) -> Path:
        return self.folder / f"{key}.bin"


def _on_device(values: Tensor, device: torch.device) -> Tensor:
    if device.type != "cuda":
        return values
    free, _ = torch.cuda.mem_get_info(device)
    return values.to(device) if values.nbytes <= DEVICE_SHARE * free else values
