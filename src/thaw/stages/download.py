"""download: have the X-rays at hand: draw the phantoms, or fetch what dataset.download names.

Reads     the parameters dataset.name, dataset.download and dataset.phantom; what it fetched before.
Writes    data/raw/<dataset.name>/ (X-rays that lie elsewhere stay there; those that a user put here are left alone).
Promises  what is fetched is complete and has the expected hash; an interrupted download goes on where it broke.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from thaw.command import arguments, run
from thaw.fetch import RemoteFile, fetch_all
from thaw.fetch.kaggle import fetch_kaggle
from thaw.fetch.nih import NIH_FILES
from thaw.files import replacing
from thaw.params.dataset import Address, PhantomParams
from thaw.params.read import read_params
from thaw.phantom import draw_cohort

RAW = Path("data/raw")


def draw(phantom: PhantomParams, folder: Path) -> None:
    """Draw the phantoms; an interrupted drawing leaves no half-filled folder that would be read as a smaller set."""
    with replacing(folder) as part:
        draw_cohort(part, phantom.images, phantom.size, phantom.seed)


def fetch(download: str | Sequence[Address], folder: Path) -> None:
    """Fetch NIH's archives, a set of Kaggle's, or single files."""
    if isinstance(download, str) and download != "nih":
        fetch_kaggle(download.removeprefix("kaggle:"), folder)
        return
    fetch_all(NIH_FILES if isinstance(download, str) else [remote(address) for address in download], folder)


def remote(address: Address) -> RemoteFile:
    """The file behind an address, under the last part of its path."""
    name = unquote(urlsplit(address.url).path.rsplit("/", 1)[-1])
    return RemoteFile(address.url, name, f"sha256:{address.sha256.lower()}", None)


def main() -> None:
    """Read the parameters, and draw or fetch."""
    arguments(__doc__)
    dataset: Any = read_params("dataset.name", "dataset.download", "dataset.phantom").dataset
    RAW.mkdir(parents=True, exist_ok=True)
    folder = RAW / dataset["name"]
    if dataset["name"] == "phantom":
        draw(dataset["phantom"], folder)
    elif dataset["download"] is not None:
        fetch(dataset["download"], folder)


if __name__ == "__main__":
    run(main)
