"""How many images there are and how they are split: counted in the prepared data, or told by the parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thaw.cells import Cell
from thaw.datasets import read_dataset
from thaw.errors import UserError
from thaw.files import read_csv, read_json
from thaw.images.sources.archives import archive_stem, is_streamed
from thaw.labels import Task
from thaw.params.dataset import DatasetParams, SplitParams
from thaw.params.schema import Params
from thaw.phantom.frequencies import FINDINGS
from thaw.prepared import load_prepared

PREPARED = ("dataset.json", "labels.csv", "split.csv", "images.csv", "images.npy")
Part = tuple[int | None, int | None]  # a cell's fold and subset


@dataclass(frozen=True)
class Sizes:
    """Images by split."""

    train: int
    val: int
    test: int


@dataclass(frozen=True)
class Images:
    """What is known of the images before anything runs.

    Attributes:
        count: all of them.
        classes: how many findings.
        task: several labels an image, or exactly one.
        sizes: by a cell's fold and subset.
        origin: where the numbers are from, for people.
        source: where the pictures lie; None: phantoms that are still to be drawn.
        names: of the pictures in ``source``.
        has_pixels: whether data/images.npy holds them already.
    """

    count: int
    classes: int
    task: Task
    sizes: Mapping[Part, Sizes]
    origin: str
    source: Path | None
    names: list[str]
    has_pixels: bool

    def of(self, cell: Cell) -> Sizes:
        """The images of a cell."""
        return self.sizes[cell.fold, cell.subset]


def find_images(params: Params, cells: Iterable[Cell], data: Path = Path("data")) -> Images:
    """Count the images of the grid.

    In the prepared data where they fit the parameters; else in the table of labels, or in what the parameters name,
    and split by the shares of ``split``.

    Args:
        params: all of them.
        cells: the grid.
        data: the folder of prepared data.

    Raises:
        UserError: the images are not there yet, or counting them would read whole archives.
    """
    parts = dict.fromkeys((cell.fold, cell.subset) for cell in cells)
    if _is_prepared(params, data):
        about = read_json(data / "dataset.json")
        sizes = {part: _prepared_sizes(data, part) for part in parts}
        return _with_names(data, about, sizes, f"of {data}/split.csv", has_pixels=True)

    def shared(count: int) -> dict[Part, Sizes]:
        return {part: split_sizes(count, params.split, part[1]) for part in parts}

    if _is_labelled(params.dataset, data):
        about = read_json(data / "dataset.json")
        origin = f"of {data}/labels.csv, split by the shares of split"
        return _with_names(data, about, shared(about["images"]), origin, has_pixels=False)
    return _from_dataset(params.dataset, shared)


def split_sizes(count: int, split: SplitParams, subset: int | None = None) -> Sizes:
    """Images by split, judged by the shares; whole patients make the true ones differ a little."""
    if split.folds is not None:
        val = test = round(count / split.folds)
    else:
        val, test = round(count * split.val), round(count * split.test)
    train = count - val - test
    return Sizes(train if subset is None else min(subset, train), val, test)


def _is_prepared(params: Params, data: Path) -> bool:
    """Whether the prepared data are there and, as far as they say it themselves, made with these parameters."""
    if not all((data / name).is_file() for name in PREPARED) or not _is_labelled(params.dataset, data):
        return False
    folds = read_csv(data / "split.csv").get("fold")
    dealt = None if folds is None or folds.isna().any() else int(folds.max())
    size_px = np.load(data / "images.npy", mmap_mode="r").shape[1]
    return bool(size_px == params.preprocess.size and dealt == params.split.folds)


def _is_labelled(dataset: DatasetParams, data: Path) -> bool:
    """Whether the table of labels is there, and of this dataset."""
    if not (data / "labels.csv").is_file() or not (data / "dataset.json").is_file():
        return False
    about = read_json(data / "dataset.json")
    another = dataset.name == "phantom" and dataset.subset is None and about["images"] != dataset.phantom.images
    return about["name"] == dataset.name and not another and dataset.classes in (None, about["classes"])


def _prepared_sizes(data: Path, part: Part) -> Sizes:
    prepared = load_prepared(data, Cell("", "", 0, *part))
    return Sizes(*(len(prepared.of(split)) for split in ("train", "val", "test")))


def _with_names(
    data: Path, about: Mapping[str, Any], sizes: Mapping[Part, Sizes], origin: str, has_pixels: bool
) -> Images:  # fmt: skip
    names = read_csv(data / "labels.csv", columns=["image"])["image"].tolist()
    classes, source = len(about["classes"]), Path(about["source"])
    return Images(len(names), classes, about["task"], sizes, origin, source, names, has_pixels)


def _from_dataset(dataset: DatasetParams, shared: Callable[[int], Mapping[Part, Sizes]]) -> Images:
    """What the parameters say, or the dataset's own reader counts."""
    path = Path(dataset.path).expanduser()
    if dataset.name == "phantom":
        count = min(dataset.phantom.images, dataset.subset or dataset.phantom.images)
        classes = len(dataset.classes or FINDINGS) + (dataset.classes is None and dataset.labels == 15)
        origin = "as dataset.phantom.images says, split by the shares of split"
        return Images(count, classes, "multilabel", shared(count), origin, None, [], has_pixels=False)
    if not path.exists() and dataset.download is not None:
        raise UserError(f"{path} is not there yet; run dvc repro labels first, which fetches and counts the images")
    if _is_slow_to_list(path):
        raise UserError(f"{path} holds compressed archives, slow to list; run dvc repro labels first, then plan")
    found = read_dataset(dataset)
    names, origin = found.table["image"].tolist(), f"in {path}, split by the shares of split"
    return Images(len(names), len(found.classes), found.task, shared(len(names)), origin, found.source, names, False)


def _is_slow_to_list(path: Path) -> bool:
    files = path.rglob("*") if path.is_dir() else [path]
    return any(archive_stem(file.name) is not None and file.is_file() and is_streamed(file) for file in files)
