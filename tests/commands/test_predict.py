from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import thaw
from tests.conftest import Pack
from tests.use.made import CLASSES, Project, dicom_file, encoded, make_project, shades
from thaw.commands import predict
from thaw.errors import UserError

PNG = encoded(Image.fromarray(shades()))
RESEARCH_ONLY = "Not a medical device; for research only."
SYNTHETIC = "Trained on synthetic pictures (Made up): it has never seen an X-ray."
STRANGE = "images are strange: unlike the training images. What is said of them means nothing."
Told = Callable[..., tuple[str, list[str]]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("predict") / "project", "multilabel")


@pytest.fixture
def told(project: Project, capsys: pytest.CaptureFixture[str]) -> Told:
    """Run the command on the project's model: standard output, and the lines of standard error."""

    def run(*arguments: str | Path) -> tuple[str, list[str]]:
        predict.main([str(project.package), *map(str, arguments)])
        shown = capsys.readouterr()
        return shown.out, shown.err.splitlines()

    return run


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_a_row_an_image(project: Project, told: Told) -> None:
    shown, errors = told(*project.tested())
    expected = thaw.load(project.package).predict(project.tested())
    rows = rows_of(shown)
    assert list(rows[0]) == [
        "image", "probability_Effusion", "probability_Mass", "probability_Hernia", "findings", "prediction_set",
        "strange", "distance", "error",
    ]  # fmt: skip
    for row, one in zip(rows, expected, strict=True):
        assert row == {
            "image": one.image,
            **{f"probability_{name}": str(round(value, 6)) for name, value in one.probabilities.items()},
            "findings": "|".join(one.findings), "prediction_set": "|".join(one.prediction_set or ()),
            "strange": str(one.strange), "distance": str(round(one.distance, 6)), "error": "",
        }  # fmt: skip
    assert "\r" not in shown
    assert errors[:2] == [RESEARCH_ONLY, SYNTHETIC]


def test_json_says_what_is_needed_to_read_it(project: Project, told: Told, tmp_path: Path) -> None:
    image, out = project.tested()[0], tmp_path / "out.json"
    shown, _ = told(image, tmp_path / "none.png", "--format", "json", "--out", out)
    said: dict[str, Any] = json.loads(out.read_text())
    rule = json.loads((project.package / "rule.json").read_text())
    model = thaw.load(project.package)
    (one,) = model.predict(image)
    first, second = said.pop("predictions")
    assert shown == ""
    assert said == {
        "notices": [RESEARCH_ONLY, SYNTHETIC], "folder": project.package.as_posix(), "model": "resnet18",
        "strategy": "frozen", "seed": 0, "dataset": "Made up", "synthetic": True, "task": "multilabel",
        "classes": CLASSES["multilabel"], "thaw": "1.2.3", "thresholds": rule["thresholds"],
        "prediction_sets": {
            "method": "false_negative_rate_crc", "level": rule["conformal_levels"]["false_negative_rate_crc"]
        },
        "strange_above": model.package.reference.level,
    }  # fmt: skip
    assert first.pop("probabilities") == pytest.approx(one.probabilities, abs=1e-6)
    assert first == {
        "image": str(image), "findings": list(one.findings), "undecided": ["Hernia"],
        "prediction_set": list(one.prediction_set or ()), "strange": one.strange, "distance": round(one.distance, 6),
        "error": None,
    }  # fmt: skip
    assert second == {"image": f"{tmp_path}/none.png", "error": "no such file"}


@pytest.mark.parametrize("kind", ["folder", "zip", "tar.gz"])
def test_folders_and_archives_are_gone_through(told: Told, pack: Pack, kind: str) -> None:
    files = {"b/y.dcm": dicom_file(), "b/1.2.840": dicom_file(), "a.png": PNG, "notes.txt": b"", "noted": b"notes"}
    path = pack(kind, files)
    shown, errors = told(path)
    rows = rows_of(shown)
    assert sorted(row["image"] for row in rows) == [f"{path}/{name}" for name in ("a.png", "b/1.2.840", "b/y.dcm")]
    assert {row["error"] for row in rows} == {""}
    assert "2 files are no images by their name or content, and were passed over." in errors


def test_what_cannot_be_read_is_told_and_the_others_go_on(told: Told, pack: Pack) -> None:
    path = pack("folder", {"a.png": b"", "b.png": PNG, "c.png": PNG[:200]})
    shown, errors = told(path)
    rows = rows_of(shown)
    assert [(Path(row["image"]).name, row["error"]) for row in rows][:2] == [("a.png", "empty file"), ("b.png", "")]
    assert rows[2]["error"].startswith("damaged or truncated")
    assert [row["strange"] for row in rows][::2] == ["", ""]
    assert "2 of 3 images could not be read; the column error says why." in errors


def test_many_images_are_more_than_one_batch(told: Told, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "BATCH_SIZE", 4)
    path = pack("folder", {f"{number:02d}.png": PNG for number in range(10)})
    rows = rows_of(told(path)[0])
    assert [Path(row["image"]).name for row in rows] == [f"{number:02d}.png" for number in range(10)]
    assert len({row["probability_Mass"] for row in rows}) <= 2  # a batch of another size may round otherwise


def test_strange_images_are_counted(told: Told, tmp_path: Path) -> None:
    (tmp_path / "smooth.png").write_bytes(PNG)  # the model was trained on noise
    shown, errors = told(tmp_path / "smooth.png")
    assert rows_of(shown)[0]["strange"] == "True"
    assert errors == [RESEARCH_ONLY, SYNTHETIC, f"1 of 1 {STRANGE}"]


def test_where_nothing_can_be_read_it_is_one_line_and_no_file(told: Told, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^none of 2 images could be read; the first: .*none\.png: no such file$"):
        told(tmp_path / "none.png", tmp_path / "neither.png", "--out", tmp_path / "out.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"^none of 0 images could be read; there is none$"):
        told(tmp_path / "empty")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_overlays_are_written_for_what_is_found_or_asked_for(project: Project, told: Told, tmp_path: Path) -> None:
    images = project.tested()[:4]
    shown, _ = told(*images, tmp_path / "none.png", "--cam", tmp_path / "found")
    found = [row["findings"].split("|") for row in rows_of(shown)]
    expected = [
        f"{number:06d}_{image.stem}_{name}.png"
        for number, (image, names) in enumerate(zip(images, found[:4], strict=True))
        for name in names
        if name
    ]
    assert expected
    assert sorted(path.name for path in (tmp_path / "found").iterdir()) == expected
    told(images[0], "--cam", tmp_path / "asked", "--class", "Hernia")
    (path,) = (tmp_path / "asked").iterdir()
    with Image.open(path) as picture:
        assert (path.name, picture.size, picture.mode) == (f"000000_{images[0].stem}_Hernia.png", (64, 64), "RGB")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--cam", "x", "--class", "Mas"), r"--class Mas: use one of Effusion, Mass, Hernia \(did you mean 'Mass'\?\)"),
        (("--class", "Mass"), "--class says of which class --cam writes pictures; give --cam FOLDER too"),
    ],
)
def test_wrong_options_are_one_line(told: Told, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=f"^{message}$"):
        told("a.png", *arguments)


def test_a_wrong_folder_is_told_before_torch_is_waited_for(tmp_path: Path) -> None:
    code = (
        "import sys; from thaw.commands.predict import main; from thaw.errors import UserError\n"
        "try: main(sys.argv[1:])\n"
        "except UserError as error: print(error, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "nowhere", "a.png"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "nowhere: no such folder; give a model's, as dvc repro writes it below models False\n"


def test_a_reader_that_has_seen_enough_ends_it_quietly(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", pipe)
        predict.main([str(project.package), str(project.tested()[0])])
    assert capsys.readouterr().err.splitlines() == [RESEARCH_ONLY, SYNTHETIC]
