"""Where images and labels come from: one file a source, one common table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from thaw.datasets.choice import choose_classes, draw_subset
from thaw.datasets.covid import read_covid
from thaw.datasets.dataset import Dataset
from thaw.datasets.folder import read_folder
from thaw.datasets.nih import read_nih
from thaw.datasets.phantom import read_phantom
from thaw.datasets.pneumonia import read_pneumonia
from thaw.datasets.table import read_table
from thaw.datasets.tuberculosis import read_tuberculosis
from thaw.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from thaw.params.dataset import DatasetParams

Reader = Callable[["DatasetParams"], Dataset]

# the next dataset is one new file beside these, and a line here
DATASETS: dict[str, Reader] = {
    "phantom": read_phantom,
    "nih": read_nih,
    "pneumonia": read_pneumonia,
    "tuberculosis": read_tuberculosis,
    "covid": read_covid,
    "folder": read_folder,
    "table": read_table,
}


def read_dataset(params: DatasetParams) -> Dataset:
    """Read the dataset that ``params`` names, checked; of it, the classes and the subset that they choose.

    Raises:
        UserError: Unknown name, or input that is not as the dataset's layout has it.
    """
    reader = DATASETS.get(params.name)
    if reader is None:
        near = did_you_mean(params.name, DATASETS)
        raise UserError(f"dataset.name = {params.name}: unknown{near}; allowed: {', '.join(DATASETS)}")
    dataset = reader(params).validated()
    if params.classes is not None:
        dataset = choose_classes(dataset, params.classes).validated()
    return dataset if params.subset is None else draw_subset(dataset, params.subset).validated()
