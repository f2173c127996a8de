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
        return read_dataset(params("table", folder / "labels.csv", **given))

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
    assert len(dataset.table) == 2
    assert dataset.notices[0].startswith("1 rows of the table have no image in ")
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
        (PLAIN + "./a.png,p3,TB\n", r"line 4: 'a\.png' is already listed in line 2"),
        (PLAIN.replace("p2", " "), "line 3: 'patient' is empty"),
        (PLAIN.replace("a.png", "../outside.png"), r"line 2: the image '\.\./outside\.png' is not a file below"),
        (PLAIN.replace("a.png", "/etc/passwd"), "'/etc/passwd' lies outside .*, other images inside"),
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
        read_dataset(params("table", tmp_path))


CHEXPERT = """Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Edema,Pleural Effusion
CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,,
CheXpert-v1.0-small/train/patient00002/study2/view1_frontal.jpg,Male,87,Frontal,PA,,-1.0,1.0
CheXpert-v1.0-small/train/patient00002/study1/view2_lateral.jpg,Male,83,Lateral,,,0.0,-1.0
"""


@pytest.fixture
def chexpert(params, tmp_path, picture):
    root = tmp_path / "chexpert"
    lines = CHEXPERT.splitlines()[1:]
    for line in lines:
        file = root / line.split(",")[0]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture)
    table = root / "CheXpert-v1.0-small/train.csv"
    table.write_text(CHEXPERT)
    columns = {
        "image": "Path",
        "patient": None,
        "labels": ["No Finding", "Edema", "Pleural Effusion"],
        "sex": "Sex",
        "age": "Age",
        "view": "AP/PA",
    }
    return lambda **given: read_dataset(
        params("table", table, columns=columns, images=str(root), patient_pattern="(patient[0-9]+)/", **given)
    )


@pytest.mark.parametrize(("policy", "edema"), [("zeros", [0, 0, 0]), ("ones", [0, 0, 1]), ("ignore", [0, 0, None])])
def test_uncertain_labels_follow_the_policy(chexpert, policy, edema):
    dataset = chexpert(uncertain=policy)
    found = dataset.table["Edema"].astype(object)
    assert found.where(found.notna(), None).tolist() == edema
    assert dataset.table["patient"].tolist() == ["patient00001", "patient00002", "patient00002"]
    assert dataset.table["sex"].tolist() == ["F", "M", "M"]
    assert f"2 uncertain labels (-1) count as: {policy}" in dataset.notices
    assert "4 empty labels count as 0" in dataset.notices


def test_uncertain_labels_are_refused_unless_a_policy_is_named(chexpert):
    with pytest.raises(
        UserError, match=r"line 3: 'No Finding' is ''; a label is 0 or 1; for -1 and empty cells see dataset"
    ):
        chexpert()


def test_padchest_lists_of_labels_are_read(read):
    table = "image,patient,label\na.png,p1,\"['pneumonia', 'pleural effusion']\"\nsub/b.png,p2,['normal']\n"
    assert read(table).classes == ("normal", "pleural effusion", "pneumonia")


def test_another_separator(params, tmp_path, picture):
    (tmp_path / "a.png").write_bytes(picture)
    (tmp_path / "t.csv").write_text('image,patient,label\na.png,1,"Mass;TB"\n')
    assert read_dataset(params("table", tmp_path / "t.csv", separator=";")).classes == ("Mass", "TB")


def test_names_without_an_ending_find_their_file(read):
    dataset = read("image,patient,label\na,p1,TB\nsub/b,p2,NORMAL\nc,p3,TB\n")
    assert dataset.table["image"].tolist() == ["a.png", "sub/b.png", "sub/c.png"]


def test_absolute_paths_outside_the_folder_of_the_table(params, tmp_path, picture):
    images, elsewhere = tmp_path / "pictures", tmp_path / "tables"
    (images / "x").mkdir(parents=True)
    elsewhere.mkdir()
    for name in ("x/1.png", "2.png"):
        (images / name).write_bytes(picture)
    table = elsewhere / "t.csv"
    table.write_text(f"image,patient,label\n{images}/x/1.png,p,A\n{images}/2.png,q,B\n")
    dataset = read_dataset(params("table", table))
    assert dataset.source == images
    assert dataset.table["image"].tolist() == ["2.png", "x/1.png"]


RATERS = "image,patient,A,B\na.png,p1,1,0\na.png,p1,0,0\na.png,p1,1,1\nsub/b.png,p2,0,1\n"
AB = {"labels": ["A", "B"]}


@pytest.mark.parametrize(("policy", "first"), [("any", [1, 1]), ("majority", [1, 0])])
def test_several_rows_an_image_are_taken_together(params, tmp_path, picture, policy, first):
    (tmp_path / "sub").mkdir()
    for name in ("a.png", "sub/b.png"):
        (tmp_path / name).write_bytes(picture)
    (tmp_path / "t.csv").write_text(RATERS)
    dataset = read_dataset(params("table", tmp_path / "t.csv", columns=AB, repeated=policy))
    assert dataset.table[["A", "B"]].to_numpy().tolist() == [first, [0, 1]]
    assert f"2 rows repeat an image; taken together by: {policy}" in dataset.notices


@pytest.mark.parametrize(("label", "words"), [("TB", "with the same labels"), ("NORMAL", "with different labels")])
def test_an_image_listed_twice_is_refused_with_both_lines(read, label, words):
    with pytest.raises(
        UserError, match=rf"line 4: 'a\.png' is already listed in line 2, {words}; keep one row an image"
    ):
        read(f"image,patient,label\na.png,p1,TB\nsub/b.png,p2,NORMAL\na.png,p1,{label}\n")


def test_latin_1_and_quoted_commas(read):
    with pytest.raises(UserError, match="not UTF-8 at byte 23; save it as UTF-8"):
        read("image,patient,label\na.pé\n".encode("latin-1"))
    assert read('image,patient,label\na.png,"Doe, J.",TB\nsub/b.png,p2,NORMAL\n').table["patient"][0] == "Doe, J."


def test_paths_with_spaces_and_other_letters(params, tmp_path, picture):
    folder = tmp_path / "Röntgen Bilder 胸部"
    folder.mkdir()
    (folder / "ein Bild é.png").write_bytes(picture)
    (folder / "t.csv").write_text("image,patient,label\nein Bild é.png,1,Mass|TB\n", encoding="utf-8")
    assert read_dataset(params("table", folder / "t.csv")).table["image"].tolist() == ["ein Bild é.png"]
