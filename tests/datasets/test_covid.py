from __future__ import annotations

import os
from pathlib import Path

import pytest

from thaw.datasets import read_dataset
from thaw.errors import UserError

SHARED = Path(os.environ.get("THAW_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "covid_chestxray"
HEADER = "patientid,offset,sex,age,finding,view,modality,date,folder,filename"
ROWS = [
    "2,0,M,65,Pneumonia/Viral/COVID-19,PA,X-ray,2020,images,a.jpg",
    '2,3,M,65,"COVID-19, ARDS",AP Supine,X-ray,2020,images,b.jpg',
    "4,,F,52.0,No Finding,AP,X-ray,,images,c.png",
    "5,0,,,Pneumonia,L,X-ray,,images,lateral.jpg",
    "6,0,,,COVID-19,Axial,CT,,volumes,scan.nii.gz",
    "7,0,,,todo,PA,X-ray,,images,d.jpg",
    "8,0,,,COVID-19,PA,X-ray,,images,missing.jpg",
]


@pytest.fixture
def read(params, pack, picture):
    def read(rows=ROWS, header=HEADER, root="covid/", kind="zip"):
        images = dict.fromkeys(
            (f"{root}images/{name}" for name in ("a.jpg", "b.jpg", "c.png", "d.jpg", "lateral.jpg")), picture
        )
        return read_dataset(
            params("covid", pack(kind, images | {f"{root}metadata.csv": "\n".join([header, *rows]).encode()}))
        )

    return read


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_frontal_x_rays_with_a_finding_are_read(read, kind):
    dataset = read(kind=kind)
    assert (dataset.task, dataset.classes) == ("multilabel", ("ARDS", "COVID-19", "Pneumonia", "Viral"))
    table = dataset.table.set_index(dataset.table["image"].str.rsplit("/", n=1).str[-1])
    assert sorted(table.index) == ["a.jpg", "b.jpg", "c.png"]
    assert table[["ARDS", "COVID-19", "Pneumonia", "Viral"]].loc["a.jpg"].tolist() == [0, 1, 1, 1]
    assert table[["ARDS", "COVID-19", "Pneumonia", "Viral"]].loc["c.png"].tolist() == [0, 0, 0, 0]
    assert table["patient"].tolist() == ["2", "2", "4"]
    assert table["view"].tolist() == ["PA", "AP", "AP"]
    assert table["age"].tolist() == [65, 65, 52]


def test_what_is_left_out_is_counted(read):
    notices = read().notices
    for line in (
        "1 rows are no X-ray (CT and others)",
        "1 rows are not frontal (views other than PA and AP)",
        "1 rows have no decided finding",
        "1 rows of the table have no image",
    ):
        assert line in notices


def test_bad_tables_are_refused(read, params, pack, picture):
    with pytest.raises(UserError, match=r"no column 'finding' \(did you mean 'findings'\?\)"):
        read(header=HEADER.replace("finding", "findings"))
    with pytest.raises(UserError, match="no frontal X-ray with a finding and a picture is left"):
        read(rows=ROWS[3:])
    with pytest.raises(UserError, match=r"no metadata\.csv inside"):
        read_dataset(params("covid", pack("zip", {"images/a.jpg": picture})))


def test_real_set(params):
    path = SHARED / "covid_chestxray.zip"
    if not path.exists():
        pytest.skip("no shared X-rays here")
    dataset = read_dataset(params("covid", path, classes=["COVID-19", "ARDS"]))
    assert (len(dataset.table), dataset.table["patient"].nunique()) == (205, 113)
    assert dataset.table[["COVID-19", "ARDS"]].sum().tolist() == [148, 7]
