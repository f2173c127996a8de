from __future__ import annotations

import csv
import gzip
import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from thaw.datasets import read_dataset
from thaw.datasets.boxes import COLUMNS, read_boxes
from thaw.errors import UserError
from thaw.phantom import draw_cohort

SHARED = Path(os.environ.get("THAW_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "nih_chestxray14"
HEADER = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"
ROWS = ["00000001_000.png,Cardiomegaly,0,1,57,M,PA", "00000002_000.png,Infiltration|Mass,0,2,60,F,AP",
        "00000003_000.png,No Finding,0,3,40,F,PA"]  # fmt: skip
BOXES = """Image Index,Finding Label,Bbox [x,y,w,h],,,
00000002_000.png,Mass,1,2,3,4
00000002_000.png,Infiltrate,225.084745762712,54.5,8.25,7,,,
00000009_000.png,Mass,1,1,1,1

00000001_000.png,Cardiomegaly,0,10,20,30.5
00000002_000.png,Mass,5,6,7,8
00000002_000.png,Mass,1,2,3,4
"""


def picture(width=300, height=148):
    buffer = io.BytesIO()
    Image.fromarray(np.arange(width * height).reshape(height, width).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def files(boxes=BOXES, name="BBox_List_2017.csv"):
    found = {"nih/Data_Entry_2017.csv": "\n".join([HEADER, *ROWS, ""]).encode()}
    if boxes is not None:
        content = boxes.encode()
        found[f"nih/{name}"] = gzip.compress(content) if name.endswith(".gz") else content
    return found | {f"nih/images_{row[7]}/{row.split(',')[0]}": picture(300, 148 + int(row[7])) for row in ROWS}


@pytest.fixture
def read(params):
    def read(path, largest=2**32, name="nih", **given):
        section = params(name, path, **given)
        return read_boxes(section, read_dataset(section), largest)

    return read


def expected(first="nih/images_1", second="nih/images_2", size=((300, 149), (300, 150))):
    rows = [
        (f"{first}/00000001_000.png", "Cardiomegaly", 0, 10, 20, 30.5, *size[0]),
        (f"{second}/00000002_000.png", "Infiltration", 225.084745762712, 54.5, 8.25, 7, *size[1]),
        (f"{second}/00000002_000.png", "Mass", 1, 2, 3, 4, *size[1]),
        (f"{second}/00000002_000.png", "Mass", 5, 6, 7, 8, *size[1]),
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(["left", "top", "width", "height"], float))


def same(found, wanted):
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False)
    assert found.to_csv(index=False) == wanted.to_csv(index=False)


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz"])
@pytest.mark.parametrize("name", ["BBox_List_2017.csv", "BBox_List_2017.csv.gz"])
def test_boxes_are_those_of_the_images_with_the_sizes_of_their_pictures(kind, name, read, pack):
    same(read(pack(kind, files(name=name))), expected())


def archives_as_downloaded(pack):
    """images_001.tar.gz and images_002.tar.gz beside the tables."""
    whole = files()
    for number in ("1", "2", "3"):
        name = next(name for name in whole if f"/images_{number}/" in name)
        pack("tar.gz", {f"images/{name.rsplit('/', 1)[1]}": whole[name]}, f"set.folder/images_00{number}")
    return pack("folder", {name.removeprefix("nih/"): whole[name] for name in whole if name.endswith("csv")})


def test_pictures_in_compressed_archives_are_read_where_these_are_small(read, pack):
    path = archives_as_downloaded(pack)
    same(read(path), expected("images_001.tar.gz/images", "images_002.tar.gz/images"))


def test_large_compressed_archives_are_not_inflated_for_sizes_that_are_known(read, pack):
    path = archives_as_downloaded(pack)
    wanted = expected("images_001.tar.gz/images", "images_002.tar.gz/images", ((1024, 1024), (1024, 1024)))
    same(read(path, largest=0), wanted)
    same(read(pack("tar.gz", files()), largest=0), expected(size=((1024, 1024), (1024, 1024))))


def test_boxes_of_a_reduced_copy_are_those_of_nihs_own_pictures(read, pack):
    whole = {name: picture(64, 64) if name.endswith("png") else content for name, content in files().items()}
    same(read(pack("zip", whole)), expected(size=((1024, 1024), (1024, 1024))))


def test_a_list_inside_compressed_archives_is_found_where_these_are_small(read, pack):
    path = pack("tar.gz", files(), "outer/set").parent
    same(read(path), expected("set.tar.gz/nih/images_1", "set.tar.gz/nih/images_2"))
    assert read(path, largest=0).empty


@pytest.mark.parametrize("boxes", [None, "", BOXES.splitlines()[0], BOXES.splitlines()[0] + "\n"])
def test_a_set_without_boxes_has_the_columns_alone(boxes, read, pack):
    found = read(pack("zip", files(boxes)))
    assert (list(found), len(found)) == (COLUMNS, 0)


def test_other_layouts_have_no_boxes(params, pack):
    path = pack("zip", files())
    dataset = read_dataset(params("nih", path))
    assert read_boxes(params("folder", path), dataset).to_csv(index=False) == ",".join(COLUMNS) + "\n"


def test_only_chosen_classes_and_images_keep_their_boxes(read, pack):
    found = read(pack("zip", files()), classes=["Mass", "Edema"])
    same(found, expected().iloc[2:].reset_index(drop=True))


def test_boxes_on_pictures_that_cannot_be_read_are_left_out(read, pack):
    whole = files()
    whole["nih/images_2/00000002_000.png"] = b"no picture"
    same(read(pack("tar", whole)), expected().iloc[:1])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("00000001_000.png,Mass,1,2,3", r"line 2: 5 fields"),
        ("00000001_000.png,Mass,1,x,3,4", r"line 2: '1, x, 3, 4' is no box; use x, y, width and height in pixels"),
        ("00000001_000.png,Mass,1,2,0,4", r"line 2: '1, 2, 0, 4' is no box"),
        ("00000001_000.png,Mass,1,2,inf,4", r"line 2: '1, 2, inf, 4' is no box"),
        ("00000001_000.png,Masss,1,2,3,4", r"line 2: unknown finding 'Masss' \(did you mean 'Mass'\?\)"),
    ],
)
def test_rows_not_as_nih_writes_them_are_named(row, message, read, pack):
    header, *rows = BOXES.splitlines()
    with pytest.raises(UserError, match=rf"nih/BBox_List_2017\.csv.*{message}"):
        read(pack("zip", files("\n".join([header, row, *rows]))))


def test_a_file_with_other_columns_is_told(read, pack):
    with pytest.raises(UserError, match=r"BBox_List_2017\.csv: 3 columns; NIH's file has six"):
        read(pack("zip", files("image,finding,box\na.png,Mass,1 2 3 4\n")))


def test_the_phantoms_boxes_are_those_that_it_wrote(read, tmp_path):
    draw_cohort(tmp_path / "phantom", 40, 64, seed=3)
    found = read(tmp_path / "phantom", name="phantom")
    with (tmp_path / "phantom/BBox_List_2017.csv").open(newline="") as file:
        _, *drawn = csv.reader(file)
    wanted = sorted((name, finding, *map(float, sides)) for name, finding, *sides in drawn)
    rows = found.assign(image=found["image"].str.rsplit("/").str[-1]).drop(columns=["picture_width", "picture_height"])
    assert sorted(rows.itertuples(index=False, name=None)) == wanted
    assert set(found["picture_width"]) == set(found["picture_height"]) == {64}


def test_the_real_list_is_read_whole(read, pack):
    path = SHARED / "metadata" / "BBox_List_2017.csv"
    if not path.exists():
        pytest.skip("no shared tables here")
    listed = pd.read_csv(path)
    rows = [f"{name},No Finding,0,{name[:8]},57,M,PA" for name in listed["Image Index"].unique()]
    whole = {"Data_Entry_2017.csv": "\n".join([HEADER, *rows]).encode(), "BBox_List_2017.csv": path.read_bytes()}
    found = read(pack("zip", whole | {f"images/{row.split(',')[0]}": picture(16, 16) for row in rows}))
    assert (len(found), found["image"].nunique()) == (984, 880)
    assert found["class"].value_counts().to_dict() == {
        "Atelectasis": 180, "Effusion": 153, "Cardiomegaly": 146, "Infiltration": 123, "Pneumonia": 120,
        "Pneumothorax": 98, "Mass": 85, "Nodule": 79,
    }  # fmt: skip
