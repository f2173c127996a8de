"""What later stages and reports need to know of a dataset beside its table, and what the user is told of it at once."""

from __future__ import annotations

from thaw.datasets.dataset import Dataset


def describe(name: str, dataset: Dataset) -> dict[str, object]:
    """The dataset as plain data; ``name`` is the one of its kind, such as nih."""
    return {
        "name": name,
        "title": dataset.title,
        "task": dataset.task,
        "classes": list(dataset.classes),
        "synthetic": dataset.synthetic,
        "notices": list(dataset.notices),
        "source": dataset.source.as_posix(),
        "images": len(dataset.table),
        "patients": int(dataset.table["patient"].nunique()),
    }


def tell(dataset: Dataset) -> None:
    """Print the notices, a line each."""
    for notice in dataset.notices:
        print(notice if notice.startswith("warning: ") else f"note: {notice}")
