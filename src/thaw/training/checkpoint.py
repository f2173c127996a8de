"""The state of an unfinished training on disk, so that one that was killed goes on from its last epoch."""

from __future__ import annotations

import hashlib
import json
import math
import pickle
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

import thaw
from thaw.errors import UserError
from thaw.files import replacing
from thaw.training.state import State

FOLDER = Path("models/.unfinished")  # outside of what DVC clears before a stage runs
LARGEST_SHARE = 0.05  # of a training's time, for checkpoints


class Checkpoint:
    """One training's file below models/.unfinished; written after epochs, removed when the training is done.

    Attributes:
        path: the file.
        identity: what decides the result; a file of another identity is passed over.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self.path, self.identity = path, identity
        self._saved_at, self._took = -math.inf, 0.0

    def save_now_and_then(self, state: State) -> None:
        """Write the state unless that would take more than a twentieth of the time since it was written last.

        An epoch on kept features is so short that writing a large network after each would take longer.
        """
        started = time.perf_counter()
        if started - self._saved_at >= self._took / LARGEST_SHARE:
            self.save(state)
            self._saved_at = time.perf_counter()
            self._took = self._saved_at - started

    def save(self, state: State) -> None:
        """Write the state; a process that is killed meanwhile leaves the file of the epoch before."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.path) as temporary:
            torch.save({"identity": self.identity, "state": state.plain()}, temporary)

    def load(self) -> State | None:
        """Read the state; None where there is none of this very training.

        Raises:
            UserError: the file holds more than plain data, or is damaged; it is never executed.
        """
        if not self.path.is_file():
            return None
        try:
            content = torch.load(self.path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError):
            advice = "it is not read; remove it, and the training begins again"
            raise UserError(f"{self.path} is damaged or holds more than tensors and numbers: {advice}") from None
        if content.get("identity") != self.identity:
            return None
        return State.from_plain(content["state"])

    def remove(self) -> None:
        """Remove the file and the folders that it leaves empty."""
        self.path.unlink(missing_ok=True)
        for folder in self.path.parents:
            if not folder.is_relative_to(FOLDER) or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()


def identity_of(settings: Mapping[str, Any], contents: Iterable[Path], large: Iterable[Path]) -> str:
    """A digest of all that decides a training's result.

    Args:
        settings: the cell, its phases and parameters, the device.
        contents: small files, taken by what they hold.
        large: large files, taken by size and time of change: reading 30 GB to resume would take minutes.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    digest.update(f"{torch.__version__} {torch.get_num_threads()} threads".encode())
    code = sorted(Path(thaw.__file__).parent.rglob("*.py"))
    for path in [*code, *contents]:
        digest.update(path.read_bytes())
    for path in large:
        status = path.stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()
