from __future__ import annotations

import pytest

from thaw.datasets import read_dataset
from thaw.errors import UserError

PLAIN = "image,patient,label\na.png,p1,TB\nsub/b.png,p2,NORMAL\n"
BINARY = {"image": "image", "patient": "patient", "labels": ["TB", "Mass"]}


@pytest.fixture
def read(params, tmp_path, picture):
    folder = tmp_path / "set"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.png", "sub/b.png", "sub/c.png"):
        (folder / name).write_bytes(picture)
    (tmp_path / "outside.png").write_bytes(picture)

    def read(text, columns=None):
        content = text if isinstance(text, bytes) else text.encode()
        (folder / "labels.csv").write_bytes(content)
        given = {"columns": columns} if columns else {}
        return read_dataset(params("table", folder / "labels.csv", **given), tmp_path)

    return read


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        "\ufeff" + PLAIN,
        PLAIN.rstrip("\n"),
        PLAIN.replace("\n", "\n\n"),
        PLAIN.replace(",", " , "),
        'image,patient,label\n"a.png","p1","TB"\n"./sub/../sub/b.png",p2,NORMAL\n',
        "label,note,patient,image\nTB,x,p1,a.png\nNORMAL,,p2,sub/b.png\n",
    ],
)
def test_one_name_in_every_row_is_multiclass(text, read):
    dataset = read(text)
    assert (dataset.task, dataset.classes, dataset.title) == ("multiclass", ("NORMAL", "TB"), "labels")
    assert dataset.table[["image", "patient", "NORMAL", "TB"]].to_numpy().tolist() == [
        ["a.png", "p1", 0, 1],
        ["sub/b.png", "p2", 1, 0],
    ]


@pytest.mark.parametrize("second", ["", "Mass|TB|Mass", "Mass | "])
def test_several_names_or_none_in_a_row_is_multilabel(second, read):
    dataset = read(f"image,patient,label\na.png,p1,Mass|TB\nsub/b.png,p2,{second}\n")
    assert (dataset.task, dataset.classes) == ("multilabel", ("Mass", "TB"))
    names = {name.strip() for name in second.split("|")}
    assert dataset.table.loc[1, ["Mass", "TB"]].tolist() == [int("Mass" in names), int("TB" in names)]


def test_binary_columns_are_multilabel_in_the_order_given(read):
    dataset = read("image,patient,Mass,TB\na.png,p1,0,1\nsub/b.png,p2,1.0,0.0\n", BINARY)
    assert (dataset.task, dataset.classes) == ("multilabel", ("TB", "Mass"))
    assert dataset.table[["TB", "Mass"]].to_numpy().tolist() == [[1, 0], [0, 1]]


def test_patient_is_text_as_written(read):
    assert read(PLAIN.replace("p1", "0012").replace("p2", "NA")).table["patient"].tolist() == ["0012", "NA"]


def test_absolute_path_below_the_folder_is_relative(read, tmp_path):
    dataset = read(PLAIN.replace("a.png", str(tmp_path / "set" / "a.png")))
    assert dataset.table["image"].tolist() == ["a.png", "sub/b.png"]


def test_images_that_are_not_there_are_counted(read):
    dataset = read(PLAIN + "lost.png,p3,TB\n")
    assert len(dataset.table) == 3
    assert dataset.notices == ("1 images of the table are not in its folder",)
    with pytest.raises(UserError, match=r"holds none of the table's 1 images, such as 'lost\.png'"):
        read("image,patient,label\nlost.png,p1,TB|Mass\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty; it needs a header"),
        ("image,patient,label\n", "has a header, but no row"),
        (
            PLAIN.replace("patient", "patients"),
            r"no column 'patient' \(did you mean 'patients'\?\); found: image, patients",
        ),
        (PLAIN.replace("patient", "label"), "the column 'label' occurs more than once"),
        (PLAIN + "./a.png,p3,TB\n", r"line 4: '\./a\.png' is already listed in line 2"),
        (PLAIN.replace("p2", " "), "line 3: 'patient' is empty"),
        (PLAIN.replace("a.png", "../outside.png"), r"line 2: the image '\.\./outside\.png' is not a file below"),
        (PLAIN.replace("a.png", "/etc/passwd"), "line 2: the image '/etc/passwd' is not a file below"),
        (PLAIN.replace("a.png", ""), "line 2: the image '' is not a file below"),
        (PLAIN.replace(",TB", ",TB,more"), "line 2: 4 fields where the header has 3"),
        (PLAIN.replace("p1,", ""), "line 2: 2 fields where the header has 3"),
        (PLAIN.replace("NORMAL", "TB"), "multiclass needs 2 or more classes"),
        (PLAIN.replace("NORMAL", "sex"), "'sex' cannot name a class"),
        (PLAIN.encode("utf-16"), "not UTF-8"),
        (PLAIN.encode() + b"\xff", "not UTF-8 at byte"),
    ],
)
def test_broken_tables_are_named(text, message, read):
    with pytest.raises(UserError, match=message) as raised:
        read(text)
    assert "labels.csv" in str(raised.value)


@pytest.mark.parametrize("value", ["2", "", "-1", "0.5", "yes"])
def test_label_other_than_0_and_1_is_named(value, read):
    with pytest.raises(UserError, match=f"line 3: 'TB' is '{value}'; a label is 0 or 1"):
        read(f"image,patient,TB,Mass\na.png,p1,0,1\nsub/b.png,p2,{value},0\n", BINARY)


def test_folder_in_place_of_a_csv_is_refused(params, tmp_path):
    with pytest.raises(UserError, match="is a CSV with a row for each image"):
        read_dataset(params("table", tmp_path), tmp_path)
