from __future__ import annotations

from thaw.datasets import read_dataset
from thaw.datasets.nih import FINDINGS
from thaw.images.sources import open_source
from thaw.params.dataset import PhantomParams
from thaw.stages.download import draw

PHANTOM = PhantomParams(images=20, size=64, seed=1)


def test_phantom_is_drawn_and_read_like_nih(params, tmp_path):
    draw(PHANTOM, tmp_path / "phantom")
    dataset = read_dataset(params("phantom", tmp_path / "phantom"))
    assert dataset.title == "Phantom chest X-rays (synthetic)"
    assert (dataset.synthetic, dataset.task, dataset.classes) == (True, "multilabel", FINDINGS)
    assert len(dataset.table) == 20
    assert dataset.source == tmp_path / "phantom"
    with open_source(dataset.source) as source:
        assert set(dataset.table["image"]) <= set(source.names())


def test_drawing_again_replaces_what_was_there(tmp_path):
    draw(PHANTOM, tmp_path / "phantom")
    first = sorted((tmp_path / "phantom/images_001/images").iterdir())
    (tmp_path / "phantom" / "images_001" / "left_over.png").write_bytes(b"")
    draw(PHANTOM, tmp_path / "phantom")
    assert sorted((tmp_path / "phantom/images_001/images").iterdir()) == first
    assert not (tmp_path / "phantom" / "images_001" / "left_over.png").exists()
    assert [file.name for file in tmp_path.iterdir()] == ["phantom"]
