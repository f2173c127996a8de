from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from thaw.datasets import DATASETS, read_dataset
from thaw.datasets.dataset import Dataset, finding_table
from thaw.errors import UserError


@pytest.fixture
def dataset():
    rows = pd.DataFrame(
        {"image": ["b", "a"], "patient": ["2", "1"], "Mass": [0, 1], "Edema": [1, 0], "age": [61, None]}
    )
    classes = ("Mass", "Edema")
    return Dataset("Two", "multiclass", classes, finding_table(rows, classes), Path("pictures.zip"), False, ())


def changed(dataset, **columns):
    return replace(dataset, table=dataset.table.assign(**columns))


def test_finding_table_orders_columns_and_rows_and_leaves_the_unknown_empty(dataset):
    text = dataset.validated().table.to_csv(index=False)
    assert text.splitlines() == [
        "image,patient,Mass,Edema,sex,age,view,follow_up,source_split",
        "a,1,1,0,,,,,",
        "b,2,0,1,,61,,,",
    ]


def test_validated_returns_the_dataset_itself(dataset):
    assert dataset.validated() is dataset


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"image": ["a", "a"]}, "'a' is listed more than once"),
        ({"patient": ["1", " "]}, "'b' has no patient"),
        ({"Mass": [1, 2]}, "'Mass' of 'b' is 2; labels are 0 or 1"),
        ({"Edema": [1, 1]}, "'a' must have exactly one class"),
        ({"Mass": [0, 0], "Edema": [1, 1]}, "no image of class 'Mass'"),
        ({"weight": [70, 80]}, "the table's columns are"),
    ],
)
def test_broken_rows_are_named(dataset, columns, message):
    with pytest.raises(UserError, match=message):
        changed(dataset, **columns).validated()


def test_multilabel_may_have_several_findings_or_none(dataset):
    replace(changed(dataset, Mass=[1, 0], Edema=[1, 0]), task="multilabel").validated()


@pytest.mark.parametrize("name", ["image", "sex", "split", "", "Mass"])
def test_class_names_that_collide_are_refused(dataset, name):
    with pytest.raises(UserError, match=f"'{name}' cannot name a class"):
        replace(dataset, classes=("Mass", name)).validated()


def test_too_few_classes_and_no_image_are_refused(dataset):
    with pytest.raises(UserError, match="multiclass needs 2 or more classes"):
        replace(dataset, classes=("Mass",)).validated()
    with pytest.raises(UserError, match="no image found"):
        replace(dataset, table=dataset.table.head(0)).validated()


def test_unknown_dataset_names_the_nearest():
    with pytest.raises(UserError, match=r"dataset\.name = pnemonia: unknown \(did you mean 'pneumonia'\?\)"):
        read_dataset(SimpleNamespace(name="pnemonia"))


@pytest.mark.parametrize("name", [name for name in DATASETS if name != "phantom"])
def test_missing_path_is_said(name, params, tmp_path):
    with pytest.raises(UserError, match="absent"):
        read_dataset(params(name, tmp_path / "absent"))


@pytest.mark.parametrize("name", ["nih", "pneumonia", "folder"])
@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_source_without_images_is_refused(name, kind, params, pack, tmp_path):
    with pytest.raises(UserError, match=rf"set\.{kind}: "):
        read_dataset(params(name, pack(kind, {"readme.txt": b"nothing here"})))
