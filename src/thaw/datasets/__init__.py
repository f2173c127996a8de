"""Where images and labels come from: one file a source, one common table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from thaw.datasets.dataset import Dataset
from thaw.datasets.folder import read_folder
from thaw.datasets.nih import read_nih
from thaw.datasets.phantom import read_phantom
from thaw.datasets.pneumonia import read_pneumonia
from thaw.datasets.table import read_table
from thaw.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from thaw.params.schema import DatasetParams

Reader = Callable[["DatasetParams", Path], Dataset]

DATASETS: dict[str, Reader] = {
    "phantom": read_phantom,
    "nih": read_nih,
    "pneumonia": read_pneumonia,
    "folder": read_folder,
    "table": read_table,
}


def read_dataset(params: DatasetParams, raw: Path) -> Dataset:
    """Read the dataset that ``params`` names, checked.

    Args:
        params: The section ``dataset`` of the parameters.
        raw: Folder for what a reader draws or fetches; images that lie elsewhere stay there.

    Raises:
        UserError: Unknown name, or input that is not as the dataset's layout has it.
    """
    reader = DATASETS.get(params.name)
    if reader is None:
        near = did_you_mean(params.name, DATASETS)
        raise UserError(f"dataset.name = {params.name}: unknown{near}; allowed: {', '.join(DATASETS)}")
    return reader(params, raw).validated()
