"""Another set of X-rays, read like the main one."""

from __future__ import annotations

from thaw.datasets import read_dataset
from thaw.datasets.dataset import Dataset
from thaw.errors import UserError
from thaw.params.dataset import DatasetParams
from thaw.params.evaluation import ExternalParams


def read_other_set(other: ExternalParams, main: DatasetParams) -> Dataset:
    """Read the whole of another set: all its classes, all its images.

    How a CSV is to be read (``columns``, ``separator``, ``uncertain``, ``repeated``) is as in the main set where
    ``other`` does not say. Nothing is downloaded.

    Raises:
        UserError: the set is not as its layout has it; the line begins with its name.
    """
    params = main.model_copy(
        update={
            "name": other.dataset,
            "path": other.path,
            "download": None,
            "subset": None,
            "classes": None,
            "patient_pattern": other.patient_pattern,
            "columns": other.columns or main.columns,
            "images": None,
        }
    )
    try:
        return read_dataset(params)
    except UserError as error:
        raise UserError(f"evaluate.external {other.name}: {error}") from error
