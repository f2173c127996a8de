from __future__ import annotations

from thaw.datasets import read_dataset
from thaw.datasets.nih import FINDINGS
from thaw.images.source import open_source


def test_phantom_is_drawn_and_read_like_nih(params, tmp_path):
    dataset = read_dataset(params("phantom", "unused"), tmp_path)
    assert dataset.title == "Phantom chest X-rays (synthetic)"
    assert (dataset.synthetic, dataset.task, dataset.classes) == (True, "multilabel", FINDINGS)
    assert len(dataset.table) == 20
    assert dataset.source == tmp_path / "phantom"
    with open_source(dataset.source) as source:
        assert set(dataset.table["image"]) <= set(source.names())


def test_drawing_again_replaces_what_was_there(params, tmp_path):
    first = read_dataset(params("phantom", "unused"), tmp_path).table
    (tmp_path / "phantom" / "images_001" / "left_over.png").write_bytes(b"")
    assert read_dataset(params("phantom", "unused"), tmp_path).table.equals(first)
    assert not (tmp_path / "phantom" / "images_001" / "left_over.png").exists()
    assert [file.name for file in tmp_path.iterdir()] == ["phantom"]
