"""Room on the disk, and whether it can be written to."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from thaw.fetch.nih import NIH_FILES
from thaw.health.finding import GIB, Finding, gib, ok, problem, warning
from thaw.params.dataset import DatasetParams

LOW_BYTES, EMPTY_BYTES = 5 * GIB, GIB
WRITTEN = ("data", "models", "reports", ".dvc")
RAW = Path("data/raw")
ROOM = "remove data/activations (thaw makes it anew), lower train.cache_gib; python -m thaw plan says what a run takes"


def check_disk(dataset: DatasetParams | None, folder: Path, free_bytes: int) -> Finding:
    """Whether there is room for results, and for NIH's archives where they are still to be fetched.

    Args:
        dataset: what params.yaml says of it; None: unknown.
        folder: of the repository.
        free_bytes: on its disk.
    """
    download = _download_bytes(dataset, folder)
    kept = sum(_size_bytes(folder / name, folder / RAW) for name in ("data", "models", "reports", ".dvc/cache"))
    found = f"{gib(free_bytes)} free; results and DVC's cache take {gib(kept)}"
    if download:
        found += f"; NIH's archives are to come, {gib(download)}"
    if free_bytes < EMPTY_BYTES + download:
        return problem(found, ROOM)
    return warning(found, ROOM) if free_bytes < LOW_BYTES + download else ok(found)


def free_bytes(folder: Path) -> int:
    """What the disk of ``folder`` has left."""
    return shutil.disk_usage(folder).free


def check_writable(folder: Path) -> Finding:
    """Whether the folders that thaw writes can be written to; one that is not there yet: whether it could be made."""
    refused = [words for name in WRITTEN if (words := _refusal(folder, name))]
    if refused:
        return problem("; ".join(refused), "chown or chmod them, or clone thaw where you may write")
    return ok("data, models, reports and .dvc can be written to")


def _download_bytes(dataset: DatasetParams | None, folder: Path) -> int:
    """What NIH's server has yet to send, where params.yaml asks for it."""
    if dataset is None or dataset.download != "nih":
        return 0
    return sum(file.size_bytes or 0 for file in NIH_FILES if not (folder / RAW / "nih" / file.name).is_file())


def _size_bytes(folder: Path, left_out: Path) -> int:
    """The files below ``folder``, without those below ``left_out``: raw X-rays may be a hundred thousand."""
    total = 0
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if Path(place, name) != left_out]
        for name in files:
            with contextlib.suppress(FileNotFoundError):  # a run beside this may remove files
                total += Path(place, name).lstat().st_size
    return total


def _refusal(folder: Path, name: str) -> str:
    place = folder / name
    if (place.exists() or place.is_symlink()) and not place.is_dir():
        return f"{name} is no folder"
    try:
        with tempfile.TemporaryFile(dir=place if place.is_dir() else folder):
            return ""
    except OSError as error:
        return f"{name}: {error.strerror}"
