from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from thaw.datasets import read_dataset
from thaw.datasets.nih import FINDINGS
from thaw.errors import UserError

SHARED = Path(os.environ.get("THAW_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "nih_chestxray14"
HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
ROWS = [
    "00000001_000.png,Cardiomegaly,0,1,57,M,PA,2682,2749,0.143,0.143",
    "00000001_001.png,Cardiomegaly|Emphysema,1,1,058Y,M,AP,2894,2729,0.143,0.143",
    "00030805_000.png,No Finding,0,30805,414,F,PA,2500,2048,0.168,0.168",
]


def miniature(picture, rows=ROWS, table="Data_Entry_2017.csv", header=HEADER, root=""):
    files = {f"{root}{table}": "\n".join([header, *rows, ""]).encode()}
    for position, row in enumerate(rows):
        files[f"{root}images_{position % 12 + 1:03}/images/{row.split(',')[0]}"] = picture
    return files


@pytest.fixture
def read(params, pack, tmp_path):
    return lambda files, kind="tar": read_dataset(params("nih", pack(kind, files)))


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
@pytest.mark.parametrize("root", ["", "nih/"])
@pytest.mark.parametrize("table", ["Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv"])
def test_layout_is_read_whole(kind, root, table, read, picture):
    files = miniature(picture, table=table, root=root) | {
        f"{root}train_val_list.txt": b"00000001_000.png\n00000001_001.png",
        f"{root}test_list.txt": b"00030805_000.png\r\n",
    }
    dataset = read(files, kind)
    assert (dataset.task, dataset.classes, dataset.synthetic) == ("multilabel", FINDINGS, False)
    first, second, third = dataset.table.to_dict("records")
    assert first["image"] == f"{root}images_001/images/00000001_000.png"
    assert [row["patient"] for row in (first, second, third)] == ["00000001", "00000001", "00030805"]
    assert [name for name in FINDINGS if second[name]] == ["Cardiomegaly", "Emphysema"]
    assert sum(third[name] for name in FINDINGS) == 0
    assert (second["sex"], second["age"], second["view"], second["follow_up"]) == ("M", 58, "AP", 1)
    assert [row["source_split"] for row in (first, second, third)] == ["train_val", "train_val", "test"]


def test_unbelievable_age_is_left_empty_and_counted(read, picture):
    dataset = read(miniature(picture))
    assert dataset.table["age"].isna().tolist() == [False, False, True]
    assert "1 ages are missing or not believable and are left empty" in dataset.notices


@pytest.mark.parametrize(("text", "years"), [("011M", 0), ("013M", 1), ("005D", 0), ("000Y", 0), ("120", 120)])
def test_ages_in_other_units(text, years, read, picture):
    assert read(miniature(picture, [ROWS[0].replace("57", text)])).table["age"].item() == years


@pytest.mark.parametrize("row_end", ["", ","])
@pytest.mark.parametrize("header_end", ["", ","])
def test_trailing_commas_of_the_first_edition_are_read(row_end, header_end, read, picture):
    dataset = read(miniature(picture, [row + row_end for row in ROWS], header=HEADER + header_end))
    assert len(dataset.table) == 3


def test_rows_and_images_without_a_partner_are_counted(read, picture):
    files = miniature(picture)
    files["images_012/images/00099999_000.png"] = picture
    del files["images_002/images/00000001_001.png"]
    dataset = read(files)
    assert len(dataset.table) == 2
    assert "1 rows of the table have no image" in dataset.notices
    assert "1 images have no row in the table and are left out" in dataset.notices


def test_same_image_in_two_folders_is_kept_once(read, picture):
    dataset = read(miniature(picture) | {"images_009/images/00000001_000.png": picture})
    assert dataset.table["image"].tolist()[0] == "images_001/images/00000001_000.png"
    assert "1 images lie in two places; one is kept" in dataset.notices


def test_two_thousand_rows(read, picture):
    rows = [
        f"{patient:08}_{visit:03}.png,Mass|Edema,{visit},{patient},40,F,PA,1,1,1,1"
        for patient in range(500)
        for visit in range(4)
    ]
    table = read(miniature(picture, rows)).table
    assert (len(table), table["patient"].nunique()) == (2000, 500)
    assert table["image"].is_monotonic_increasing
    assert (table["Mass"].sum(), table["Hernia"].sum()) == (2000, 0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "Cardiomegaly|Emphysema",
            "Cardiomegaly|Emphisema",
            r"line 3: unknown finding 'Emphisema' \(did you mean 'Emphysema'",
        ),
        (",0,30805,", ",0,x12,", "line 4: Patient ID 'x12' is not a number"),
        ("Patient ID", "PatientID", r"no column 'Patient ID' \(did you mean 'PatientID'\?\); found: Image Index"),
        (ROWS[1], "00000001_001.png,Mass", "line 3: 2 fields"),
    ],
)
def test_rows_not_as_nih_writes_them_are_named(old, new, message, read, picture):
    files = miniature(picture)
    files["Data_Entry_2017.csv"] = files["Data_Entry_2017.csv"].decode().replace(old, new).encode()
    with pytest.raises(UserError, match=message):
        read(files)


def test_missing_table_and_missing_images_are_refused(read, picture):
    files = miniature(picture)
    with pytest.raises(UserError, match=r"none of the table's 3 images is there"):
        read({"Data_Entry_2017.csv": files["Data_Entry_2017.csv"]}, "zip")
    with pytest.raises(UserError, match=r"no Data_Entry_2017\.csv inside"):
        read({"images_001/images/00000001_000.png": picture}, "tar")


def test_fifteen_labels_have_no_finding_too(params, pack, picture):
    dataset = read_dataset(params("nih", pack("tar", miniature(picture)), labels=15))
    assert dataset.classes == (*FINDINGS, "No Finding")
    assert dataset.table["No Finding"].tolist() == [0, 0, 1]


@pytest.mark.parametrize("column", ["Patient Sex", "Patient Gender"])
def test_both_spellings_of_the_columns(column, read, picture):
    files = miniature(picture, header=HEADER.replace("Patient Gender", column))
    assert read(files).table["sex"].tolist() == ["M", "M", "F"]


def test_archives_as_downloaded_are_read_in_their_folder(params, tmp_path, picture):
    folder = tmp_path / "nih"
    folder.mkdir()
    (folder / "Data_Entry_2017_v2020.csv.gz").write_bytes(gzip.compress("\n".join([HEADER, *ROWS]).encode()))
    for number, row in enumerate(ROWS, start=1):
        with tarfile.open(folder / f"images_{number:03}.tar.gz", "w:gz") as archive:
            member = tarfile.TarInfo(f"images/{row.split(',')[0]}")
            member.size = len(picture)
            archive.addfile(member, io.BytesIO(picture))
    dataset = read_dataset(params("nih", folder))
    assert dataset.table["image"].tolist() == [
        "images_001.tar.gz/images/00000001_000.png",
        "images_002.tar.gz/images/00000001_001.png",
        "images_003.tar.gz/images/00030805_000.png",
    ]


def test_the_sample_of_kaggle(params, pack, picture):
    header = HEADER.replace("OriginalImage[Width,Height]", "OriginalImageWidth,OriginalImageHeight")
    row = "00000013_005.png,Emphysema|Infiltration,005,00000013,060Y,M,AP,3056,2544,0.139,0.139"
    files = {
        "sample/sample_labels.csv": f"{header}\n{row}\n".encode(),
        "sample/sample/images/00000013_005.png": picture,
    }
    dataset = read_dataset(params("nih", pack("zip", files)))
    assert dataset.table[["patient", "age", "follow_up"]].iloc[0].tolist() == ["00000013", 60, 5]
    assert "1 ages are written with a unit, such as 058Y, and are taken as whole years" in dataset.notices


def test_rows_that_stand_twice(read, picture):
    assert "1 rows stand twice in the table; one is kept" in read(miniature(picture, [*ROWS, ROWS[0]])).notices
    with pytest.raises(
        UserError, match=r"line 5: '00000001_000\.png' is listed already, with other values; keep one row"
    ):
        read(miniature(picture, [*ROWS, ROWS[0].replace("Cardiomegaly", "Edema")]))


def test_another_table_is_named_when_nihs_is_missing(read, picture):
    with pytest.raises(UserError, match=r"no Data_Entry_2017\.csv inside; found labels\.csv"):
        read({"labels.csv": b"image\n", "images/1.png": picture})


def test_real_sample(params, tmp_path):
    path = SHARED / "nih_sample.tar"
    if not path.exists():
        pytest.skip("no shared X-rays here")
    dataset = read_dataset(params("nih", path))
    assert (len(dataset.table), dataset.table["patient"].nunique()) == (1614, 1450)
    assert dataset.table["source_split"].value_counts().to_dict() == {"train_val": 1243, "test": 371}
    assert dataset.table[["Infiltration", "Effusion", "Hernia"]].sum().tolist() == [375, 349, 49]
    assert (dataset.table[list(FINDINGS)].sum(axis=1) == 0).sum() == 435


def test_whole_real_table(params, pack, picture, tmp_path):
    path = SHARED / "metadata" / "Data_Entry_2017_v2020.csv.gz"
    if not path.exists():
        pytest.skip("no shared tables here")
    files = {"Data_Entry_2017_v2020.csv": gzip.decompress(path.read_bytes()), "images/00000001_000.png": picture}
    dataset = read_dataset(params("nih", pack("zip", files)))
    assert len(dataset.table) == 1
    assert "112119 rows of the table have no image" in dataset.notices
