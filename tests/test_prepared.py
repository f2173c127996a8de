from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from thaw.errors import UserError
from thaw.files import write_json, write_text
from thaw.prepared import load_prepared

DATASET = {"title": "T", "task": "multiclass", "classes": ["NORMAL", "PNEUMONIA"], "synthetic": False}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four images; b.png was quarantined, and the patient of a.png is called NA."""
    write_json(tmp_path / "dataset.json", DATASET)
    rows = ["a.png,NA,1,0", "b.png,2,0,1", "c.png,007,0,1", "d.png,4,1,0"]
    write_text(tmp_path / "labels.csv", "image,patient,NORMAL,PNEUMONIA\n" + "\n".join(rows) + "\n")
    write_text(
        tmp_path / "split.csv", "image,patient,split\nd.png,4,val\nc.png,007,train\nb.png,2,test\na.png,NA,train\n"
    )
    write_text(tmp_path / "images.csv", "row,image\n0,a.png\n2,c.png\n3,d.png\n")
    np.save(tmp_path / "images.npy", np.arange(4 * 4, dtype=np.uint8).reshape(4, 2, 2))
    return tmp_path


def test_images_are_joined_with_their_labels_patients_and_split(folder: Path) -> None:
    data = load_prepared(folder)
    assert data.of("train")[["row", "image", "patient"]].to_numpy().tolist() == [
        [0, "a.png", "NA"],
        [2, "c.png", "007"],
    ]
    train = data.examples("train")
    assert train.labels.tolist() == [[1, 0], [0, 1]]
    images, labels = train.batch(torch.tensor([1]), torch.device("cpu"))
    assert images.shape == (1, 1, 2, 2)
    assert np.allclose(images.numpy().ravel() * 255, [8, 9, 10, 11])
    assert labels.tolist() == [[0, 1]]


def test_a_split_without_readable_images_is_told(folder: Path) -> None:
    with pytest.raises(UserError, match="no image is left in test"):
        load_prepared(folder).examples("test")
