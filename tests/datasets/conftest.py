"""Miniatures of the datasets' own layouts, and the parameters that read them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from thaw.params.dataset import DatasetParams

NONE = dict.fromkeys(("sex", "age", "view", "split"))
COLUMNS = {"image": "image", "patient": "patient", "labels": "label", **NONE}
OTHERS = {
    **dict.fromkeys(("download", "subset", "classes", "patient_pattern", "images")),
    "labels": 14,
    "separator": "|",
    "uncertain": "refuse",
    "repeated": "refuse",
}


@pytest.fixture
def params() -> Callable[..., DatasetParams]:
    """Build the section ``dataset``; what is not given is as good as absent."""

    def params(name: str, path: Path | str, **given: Any) -> DatasetParams:
        columns = {**COLUMNS, **given.pop("columns", {})}
        phantom = {"images": 20, "size": 64, "seed": 1}
        section = {**OTHERS, "name": name, "path": str(path), "columns": columns, "phantom": phantom}
        return DatasetParams.model_validate(section | given)

    return params


@pytest.fixture
def picture() -> bytes:
    """One small gray PNG; readers of datasets do not look inside."""
    buffer = io.BytesIO()
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(buffer, "PNG")
    return buffer.getvalue()
