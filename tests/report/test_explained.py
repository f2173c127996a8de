"""What explain and embeddings wrote, read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.report.html.made import HOSTILE, MEASURES, made_explained, made_results
from thaw.errors import UserError
from thaw.explain.maps import write_maps
from thaw.files import write_csv, write_json
from thaw.report.explained import Explained, read_explained
from thaw.report.results import Results


@pytest.fixture
def results() -> Results:
    return made_results(HOSTILE, "multilabel", ("resnet18",))


def write(explained: Explained, results: Results, folder: Path) -> None:
    """As the stages write it."""
    reports, data = folder / "reports", folder / "data"
    write_csv(reports / "gallery.csv", explained.gallery)
    write_csv(reports / "embeddings.csv", explained.embeddings)
    write_json(reports / "embeddings.json", explained.purity)
    for cell, result in zip(explained.cells, results.cells, strict=True):
        path = reports / "explain" / result.cell.path
        write_json(path / "explain.json", cell.measures)
        write_json(path / "failures.json", {"failures": list(cell.failures), "pairs": list(cell.pairs)})
        write_maps(path / "maps.npz", cell.maps)
        write_json(reports / "evaluate" / result.cell.path / "rule.json", cell.decided.rule.to_json())
    data.mkdir()
    # in another order, so that a wrong row is seen
    names = list(explained.pixels)[::-1]
    write_csv(data / "images.csv", pd.DataFrame({"row": range(len(names)), "image": names}))
    np.save(data / "images.npy", np.stack([explained.pixels[name] for name in names]))


def test_without_a_gallery_there_is_nothing(results: Results, tmp_path: Path) -> None:
    assert read_explained(results, tmp_path, tmp_path) is None


def test_everything_comes_back(results: Results, tmp_path: Path) -> None:
    made = made_explained(results)
    write(made, results, tmp_path)
    read = read_explained(results, tmp_path / "reports", tmp_path / "data")
    assert read is not None
    pd.testing.assert_frame_equal(read.gallery, made.gallery.reset_index(drop=True))
    assert [(cell.model, cell.strategy) for cell in read.cells] == [("resnet18", "frozen"), ("resnet18", "full")]
    assert read.purity == made.purity
    pd.testing.assert_frame_equal(read.embeddings, made.embeddings.reset_index(drop=True))
    for image, pixels in read.pixels.items():
        np.testing.assert_array_equal(pixels, made.pixels[image])
    shown = {*made.gallery["image"], *(failure["image"] for cell in made.cells for failure in cell.failures)}
    assert set(read.pixels) == {*shown, "train/<b>7</b>.png"}
    full, wanted = read.cells[1], made.cells[1]
    assert (full.measures, full.failures, full.pairs) == (MEASURES, wanted.failures, wanted.pairs)
    assert set(full.maps) == set(wanted.maps)
    assert full.decided.rule == wanted.decided.rule
    assert full.places[str(wanted.decided.predictions.images[3])] == 3


def test_a_missing_file_is_named(results: Results, tmp_path: Path) -> None:
    write(made_explained(results), results, tmp_path)
    (tmp_path / "reports/explain" / results.cells[1].cell.path / "maps.npz").unlink()
    with pytest.raises(UserError, match=r"resnet18/full/0/maps\.npz is missing"):
        read_explained(results, tmp_path / "reports", tmp_path / "data")
