"""The embedded default: synthetic X-rays, drawn from a seed in NIH's layout and read like NIH's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from thaw.datasets.dataset import Dataset
from thaw.datasets.nih import read_nih_layout

if TYPE_CHECKING:
    from thaw.params.dataset import DatasetParams

TITLE = "Phantom chest X-rays (synthetic)"
NOTICES = (
    "the pictures are drawn, not taken: figures on them say how the strategies compare on drawn findings, nothing "
    "about patients",
    "some labels are wrong on purpose, as labels mined from report texts are",
)


def read_phantom(params: DatasetParams) -> Dataset:
    """Read the phantoms that the stage download has drawn."""
    return read_nih_layout(Path(params.path), params.labels, TITLE, True, NOTICES)
