from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from thaw.cells import Cell
from thaw.errors import UserError
from thaw.files import write_csv, write_json, write_text
from thaw.prepared import Prepared, load_prepared

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


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """300 images of 100 patients in four parts, patient by patient; one class is rare."""
    generator = np.random.default_rng(0)
    table = pd.DataFrame({"patient": [f"p{number // 3:03}" for number in range(300)]})
    table.insert(0, "image", [f"{number}.png" for number in range(300)])
    table["fold"] = [number // 3 % 4 + 1 for number in range(300)]
    table["split"] = table["fold"].map({1: "test", 2: "val"}).fillna("train")
    table["NORMAL"] = (generator.random(300) < 0.8).astype(int)
    table["PNEUMONIA"] = 1 - table["NORMAL"]
    write_json(tmp_path / "dataset.json", DATASET)
    write_csv(tmp_path / "labels.csv", table[["image", "patient", "NORMAL", "PNEUMONIA"]])
    write_csv(tmp_path / "split.csv", table[["image", "patient", "split", "fold"]])
    write_csv(tmp_path / "images.csv", pd.DataFrame({"row": range(300), "image": table["image"]}))
    np.save(tmp_path / "images.npy", np.zeros((300, 2, 2), np.uint8))
    return tmp_path


def patients(data: Prepared, split: str) -> set[str]:
    return set(data.of(split)["patient"])


def test_each_fold_tests_on_its_part_and_validates_on_the_next(large: Path) -> None:
    part = load_prepared(large).table[["image"]].assign(fold=[number // 3 % 4 + 1 for number in range(300)])
    for fold in (1, 2, 3, 4):
        data = load_prepared(large, Cell("m", "s", 0, fold=fold))
        assert set(data.of("test")["image"]) == set(part.loc[part["fold"] == fold, "image"])
        assert set(data.of("val")["image"]) == set(part.loc[part["fold"] == fold % 4 + 1, "image"])
        assert not patients(data, "train") & (patients(data, "val") | patients(data, "test"))
        assert len(data.table) == 300
    pd.testing.assert_frame_equal(load_prepared(large, Cell("m", "s", 0, fold=1)).table, load_prepared(large).table)


def test_a_subset_leaves_out_training_patients_only_and_lies_in_a_larger_one(large: Path) -> None:
    whole = load_prepared(large)
    small, larger = (load_prepared(large, Cell("m", "s", 0, subset=images)) for images in (30, 90))
    assert (len(small.of("train")), len(larger.of("train"))) == (30, 90)
    assert patients(small, "train") < patients(larger, "train") < patients(whole, "train")
    for split in ("val", "test"):
        assert small.of(split)["image"].tolist() == whole.of(split)["image"].tolist()
    assert small.of("train")["PNEUMONIA"].sum() >= 1
    assert len(small.examples("train")) == 30


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (Cell("m", "s", 0, subset=151), r"subset 151: there are only 150 training images; ask for fewer \(subsets\)"),
        (Cell("m", "s", 0, fold=5), "fold 5: the data are split into 4 folds; use 1 to 4"),
    ],
)
def test_what_the_data_cannot_give_is_one_line(large: Path, cell: Cell, message: str) -> None:
    with pytest.raises(UserError, match=f"^{message}$"):
        load_prepared(large, cell)


def test_a_fold_of_data_without_folds_is_one_line(folder: Path) -> None:
    with pytest.raises(UserError, match="fold 2: the data are not split into folds"):
        load_prepared(folder, Cell("m", "s", 0, fold=2))
