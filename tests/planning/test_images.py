from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import Pack
from tests.planning.made import tiny
from thaw.cells import Cell
from thaw.errors import UserError
from thaw.files import write_csv, write_json
from thaw.planning.images import Sizes, find_images, split_sizes

CELLS = [Cell("resnet18", "full", 0), Cell("resnet18", "full", 0, subset=20)]
Prepare = Callable[..., Path]


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Write prepared data of phantoms as the stages do: labels, and on request the split and the pixels."""

    def prepare(images: int = 40, split: bool = True, size_px: int = 32, name: str = "phantom") -> Path:
        names = [f"{row:02d}.png" for row in range(images)]
        table = pd.DataFrame({"image": names, "patient": names, "A": [row % 2 for row in range(images)], "B": 1})
        write_csv(tmp_path / "labels.csv", table)
        about = {"name": name, "title": "Made", "task": "multilabel", "classes": ["A", "B"], "synthetic": True}
        write_json(tmp_path / "dataset.json", {**about, "source": "data/raw/phantom", "images": images})
        if split:
            parts = ["train"] * (images - 15) + ["val"] * 10 + ["test"] * 5
            write_csv(
                tmp_path / "split.csv", pd.DataFrame({"image": names, "patient": names, "split": parts, "fold": ""})
            )
            write_csv(tmp_path / "images.csv", pd.DataFrame({"row": range(images), "image": names}))
            np.save(tmp_path / "images.npy", np.zeros((images, size_px, size_px), np.uint8))
        return tmp_path

    return prepare


def test_phantoms_that_are_not_drawn_are_counted_by_the_parameters(tmp_path: Path) -> None:
    images = find_images(tiny(), CELLS, tmp_path)
    assert (images.count, images.classes, images.task) == (40, 14, "multilabel")
    assert (images.source, images.has_pixels) == (None, False)
    assert [images.of(cell) for cell in CELLS] == [Sizes(28, 6, 6), Sizes(20, 6, 6)]
    assert find_images(tiny(dataset__subset=30, dataset__labels=15), CELLS, tmp_path).count == 30
    assert find_images(tiny(dataset__labels=15), CELLS, tmp_path).classes == 15
    assert find_images(tiny(dataset__classes=["Mass", "Hernia"]), CELLS, tmp_path).classes == 2


def test_folds_are_equal_parts() -> None:
    split = tiny(split__folds=5).split
    assert split_sizes(1000, split) == Sizes(600, 200, 200)
    assert split_sizes(1000, split, 700) == Sizes(600, 200, 200)


def test_prepared_images_are_counted_as_they_were_split(prepare: Prepare) -> None:
    images = find_images(tiny(), CELLS, prepare())
    assert (images.count, images.classes, images.has_pixels) == (40, 2, True)
    assert [images.of(cell) for cell in CELLS] == [Sizes(25, 10, 5), Sizes(20, 10, 5)]


@pytest.mark.parametrize("changed", [{"split__folds": 5}, {"preprocess__size": 64}])
def test_prepared_images_of_other_parameters_are_prepared_anew(prepare: Prepare, changed: dict[str, int]) -> None:
    images = find_images(tiny(**changed), CELLS, prepare())
    assert not images.has_pixels
    assert images.of(CELLS[0]) == split_sizes(40, tiny(**changed).split)


@pytest.mark.parametrize(("made", "count"), [({"split": False}, 40), ({"images": 60}, 40), ({"name": "nih"}, 40)])
def test_a_table_of_labels_counts_where_it_is_of_this_dataset(
    prepare: Prepare, made: dict[str, object], count: int
) -> None:
    images = find_images(tiny(), CELLS, prepare(**made))
    assert (images.count, images.has_pixels) == (count, False)
    assert images.classes == (2 if "split" in made else 14)


def test_a_folder_is_counted_by_its_reader(tmp_path: Path, pack: Pack) -> None:
    files = {f"{name}/{row}.png": b"" for name in ("ill", "well") for row in range(20)}
    path = pack("folder", files)
    images = find_images(tiny(dataset__name="folder", dataset__path=str(path)), CELLS, tmp_path / "none")
    assert (images.count, images.classes, images.task, images.source) == (40, 2, "multiclass", path)
    assert images.of(CELLS[1]) == Sizes(20, 6, 6)


def test_what_is_needed_is_said_in_one_line(tmp_path: Path, pack: Pack) -> None:
    missing = tiny(dataset__name="nih", dataset__download="nih", dataset__path=str(tmp_path / "nih"))
    with pytest.raises(UserError, match="is not there yet; run dvc repro labels first"):
        find_images(missing, CELLS, tmp_path)
    archive = pack("tar.gz", {"ill/0.png": b"", "well/0.png": b""})
    compressed = tiny(dataset__name="folder", dataset__path=str(archive))
    with pytest.raises(UserError, match="compressed archives, slow to list; run dvc repro labels first"):
        find_images(compressed, CELLS, tmp_path / "none")
