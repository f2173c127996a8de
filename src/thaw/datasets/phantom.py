"""The embedded default: synthetic X-rays, drawn from a seed in NIH's layout and read like NIH's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from thaw.datasets.dataset import Dataset
from thaw.datasets.nih import read_nih_layout
from thaw.files import replacing
from thaw.phantom import draw_cohort

if TYPE_CHECKING:
    from thaw.params.schema import DatasetParams

TITLE = "Phantom chest X-rays (synthetic)"
NOTICES = (
    "the pictures are drawn, not taken: figures on them say how the strategies compare on drawn findings, nothing "
    "about patients",
    "some labels are wrong on purpose, as labels mined from report texts are",
)


def read_phantom(params: DatasetParams, raw: Path) -> Dataset:
    """Draw the phantoms that ``dataset.phantom`` asks for into ``raw/phantom`` and read them."""
    phantom = params.phantom
    # an interrupted drawing leaves no half-filled folder that would be read as a smaller set
    with replacing(raw / "phantom") as folder:
        draw_cohort(folder, phantom.images, phantom.size, phantom.seed)
    return read_nih_layout(raw / "phantom", TITLE, True, NOTICES)
