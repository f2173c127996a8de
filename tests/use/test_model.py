from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

import thaw
from tests.use.made import CELL, CROPS, SIZE_PX, Project, encoded, picture_files, shades
from thaw.errors import UserError
from thaw.evaluation.conformal.sets import sets
from thaw.evaluation.predictions import Predictions
from thaw.evaluation.rule import DecisionRule
from thaw.features import read_features
from thaw.files import read_csv, read_json
from thaw.params.dataset import PreprocessParams
from thaw.preprocessing import decode_set
from thaw.use.model import Model
from thaw.use.package import PRINCIPAL

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def model(project: Project) -> Model:
    return thaw.load(project.package)


@pytest.fixture
def told(project: Project) -> Predictions:
    """What the stage predict wrote of the test images."""
    table = read_csv(project.folder / CELL.predict_folder / "predictions.csv")
    return Predictions.of_table(table[table["split"] == "test"], project.classes, project.task)


def trained_pixels(folder: Path, crop_from_px: int | None) -> tuple[list[Path], NDArray[np.uint8]]:
    """Files of every kind and the array that the pipeline makes of them."""
    (folder / "files").mkdir()
    for name, data in picture_files().items():
        (folder / "files" / name).write_bytes(data)
    names, paths = (
        pd.Series(list(picture_files())),
        [folder / name for name in ("images.npy", "images.csv", "quality.csv")],
    )
    params = PreprocessParams(size=SIZE_PX, crop_from=crop_from_px, max_quarantined=0)
    decode_set(names, folder / "files", params, *paths)
    assert len(read_csv(paths[1])) == len(names)
    return [folder / "files" / name for name in names], np.load(paths[0])


def test_every_file_gives_the_pixels_that_training_saw(project: Project, model: Model, tmp_path: Path) -> None:
    paths, expected = trained_pixels(tmp_path, CROPS[project.task])
    assert np.array_equal(model.pixels(paths), expected)
    assert np.array_equal(model.pixels([path.read_bytes() for path in paths]), expected)
    opened = [Image.open(path) for path in paths if path.suffix != ".dcm"]
    assert np.array_equal(model.pixels(opened), expected[:-1])
    assert np.array_equal(model.pixels(project.tested()), stored_pixels(project))


def stored_pixels(project: Project) -> NDArray[np.uint8]:
    """The rows of the pipeline's array that the test images have."""
    rows = read_csv(project.folder / "data/images.csv").set_index("image")["row"]
    pixels: NDArray[np.uint8] = np.load(project.folder / "data/images.npy")
    return pixels[rows.loc[[path.name for path in project.tested()]].to_numpy()]


def test_predictions_are_those_that_the_pipeline_evaluated(project: Project, model: Model, told: Predictions) -> None:
    rule = read_json(project.folder / CELL.evaluate_folder / "rule.json")
    probabilities = DecisionRule.from_json(rule).probabilities(told.logits)
    level = rule["conformal_levels"][PRINCIPAL[project.task]]
    thresholds = [np.inf if at is None else at for at in rule["thresholds"].values()]
    members = sets(probabilities, [level])
    found = (
        probabilities >= thresholds
        if project.task == "multilabel"
        else np.eye(3, dtype=bool)[probabilities.argmax(axis=1)]
    )
    said = model.predict(project.tested())
    assert [Path(one.image).name for one in said] == told.images.tolist()
    for row, one in enumerate(said):
        assert one.probabilities == dict(zip(project.classes, probabilities[row].tolist(), strict=True))
        assert one.findings == tuple(np.array(project.classes)[found[row]])
        assert one.prediction_set == tuple(np.array(project.classes)[members[row]])
        assert one.undecided == (("Hernia",) if project.task == "multilabel" else ())
    # else nothing would be compared
    assert len({one.findings for one in said}) > 1
    assert level is not None
    assert len(np.unique(probabilities)) > len(said)


def test_distances_are_those_of_the_features_that_the_pipeline_stored(project: Project, model: Model) -> None:
    features = read_features(project.folder / CELL.predict_folder / "features.npz", "test")
    reference = model.package.reference
    said = model.predict(project.tested())
    # they are stored in half precision
    assert [one.distance for one in said] == pytest.approx(reference.distance(features.values), abs=1e-3)
    assert [one.strange for one in said] == [one.distance > reference.level for one in said]
    (smooth,) = model.predict(shades())  # it was trained on noise
    assert smooth.strange
    assert smooth.distance > max(one.distance for one in said)


def test_the_size_of_a_batch_changes_no_more_than_rounding(multilabel: Project) -> None:
    model, images = thaw.load(multilabel.package), multilabel.tested()
    at_once, one_by_one = (model.predict(images, size) for size in (64, 1))
    for one, other in zip(at_once, one_by_one, strict=True):
        assert one.image == other.image
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)


def test_arrays_are_predicted_as_their_files(multilabel: Project) -> None:
    model = thaw.load(multilabel.package)
    arrays = [np.asarray(Image.open(path)) for path in multilabel.tested()]
    files, given = model.predict(multilabel.tested()), model.predict(np.stack(arrays))
    assert [one.image for one in given[:2]] == ["image 0", "image 1"]
    assert [one.to_dict() | {"image": ""} for one in given] == [one.to_dict() | {"image": ""} for one in files]


def test_no_image_gives_no_prediction(multilabel: Project) -> None:
    model = thaw.load(multilabel.package)
    assert model.predict([]) == []
    assert model.pixels([]).shape == (0, SIZE_PX, SIZE_PX)
    assert model.explain([], "Mass") == []


def test_a_prediction_is_plain_data(multilabel: Project) -> None:
    (one,) = thaw.load(multilabel.package).predict(shades())
    assert one.to_dict() == {
        "image": "image 0", "probabilities": one.probabilities, "findings": list(one.findings), "undecided": ["Hernia"],
        "prediction_set": list(one.prediction_set or ()), "strange": one.strange, "distance": one.distance,
    }  # fmt: skip


def test_where_no_level_was_found_there_is_no_set(multilabel: Project, tmp_path: Path) -> None:
    folder = shutil.copytree(multilabel.package, tmp_path / "model")
    rule = (folder / "rule.json").read_text().replace(
        f'"false_negative_rate_crc": {read_json(folder / "rule.json")["conformal_levels"]["false_negative_rate_crc"]}',
        '"false_negative_rate_crc": null',
    )  # fmt: skip
    (folder / "rule.json").write_text(rule)
    model = thaw.load(folder)
    (one,) = model.predict(shades())
    assert one.prediction_set is None
    assert one.to_dict()["prediction_set"] is None
    assert "No prediction sets: no level kept its promise on the test patients." in model.package.notices


def test_an_image_that_cannot_be_read_is_named(multilabel: Project, tmp_path: Path) -> None:
    model = thaw.load(multilabel.package)
    (tmp_path / "notes.png").write_text("notes")
    with pytest.raises(UserError, match=r"notes\.png: not a picture of a known format"):
        model.predict([*multilabel.tested(), tmp_path / "notes.png"])
    with pytest.raises(UserError, match=r"^image 0: constant picture"):
        model.predict(np.zeros((80, 80), np.uint8))
    with pytest.raises(ValueError, match="batch_size is 0"):
        model.predict([], batch_size=0)


def test_warnings_are_as_they_were(multilabel: Project) -> None:
    before = list(warnings.filters)
    thaw.load(multilabel.package).predict(multilabel.tested() * 4)
    assert list(warnings.filters) == before


def test_logits_that_are_no_numbers_are_told(multilabel: Project) -> None:
    model = thaw.load(multilabel.package)
    bias: Any = model.classifier.network.get_parameter("fc.bias")
    bias.data[0] = float("nan")
    with pytest.raises(UserError, match=r"^image 0: the network gives no finite numbers for it"):
        model.predict(shades())


def test_overlays_show_where_the_network_looks(multilabel: Project) -> None:
    model = thaw.load(multilabel.package)
    (shown,) = model.explain(shades(), "Effusion")
    assert (shown.shape, shown.dtype) == ((SIZE_PX, SIZE_PX, 3), np.uint8)
    with pytest.raises(UserError, match=r"no class 'Efusion'; use one of .*\(did you mean 'Effusion'\?\)"):
        model.explain(shades(), "Efusion")


def test_precision_that_only_a_gpu_has_becomes_single(multilabel: Project, tmp_path: Path) -> None:
    folder = shutil.copytree(multilabel.package, tmp_path / "model")
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace('"precision": "fp32"', '"precision": "fp16"'))
    model = thaw.load(folder)
    assert (model.precision, model.description["precision"]) == (
        "fp32" if model.device.type == "cpu" else "fp16",
        "fp16",
    )


def test_thaw_itself_imports_nothing_heavy() -> None:
    program = "import sys, thaw; print({'torch', 'numpy', 'pandas'} & set(sys.modules), 'load' in thaw.__all__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set() True\n"
    with pytest.raises(AttributeError, match="'thaw' has no attribute 'lod'"):
        _ = thaw.lod


ALONE = """
    import json, os, sys
    from pathlib import Path

    repository, environment = Path(sys.argv[1]), Path(sys.argv[2])
    opened = []

    def watch(event, arguments):
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            opened.append(Path(os.fsdecode(arguments[0])).absolute())

    sys.addaudithook(watch)
    import thaw
    said = thaw.load(sys.argv[3]).predict(sys.argv[4:])
    seen = [str(p) for p in opened if p.is_relative_to(repository) and not p.is_relative_to(environment)]
    told = [one.to_dict() for one in said]
    print(json.dumps({"thaw": thaw.__file__, "seen": seen, "opened": len(opened), "said": told}))
"""


def test_the_folder_alone_is_enough_where_the_repository_cannot_be_seen(multiclass: Project, tmp_path: Path) -> None:
    """Another process, another home, another copy of thaw; it says what it opens of the repository: nothing."""
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "src/thaw", site / "thaw", ignore=ignored)
    shutil.copytree(multiclass.package, elsewhere / "model")
    (elsewhere / "x.png").write_bytes(encoded(Image.fromarray(shades())))
    (elsewhere / "x.dcm").write_bytes(picture_files()["xray.dcm"])
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))},
        "PYTHONPATH": str(site), "HOME": str(elsewhere), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    program = [
        sys.executable,
        "-P",
        "-c",
        textwrap.dedent(ALONE),
        str(REPOSITORY),
        sys.prefix,
        "model",
        "x.png",
        "x.dcm",
    ]
    done = subprocess.run(program, capture_output=True, text=True, cwd=elsewhere, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert Path(told["thaw"]) == site / "thaw/__init__.py"
    assert told["seen"] == []
    assert told["opened"] > 100  # the hook works
    expected = [
        one.to_dict() for one in thaw.load(multiclass.package).predict([elsewhere / "x.png", elsewhere / "x.dcm"])
    ]
    assert [one["findings"] for one in told["said"]] == [one["findings"] for one in expected]
    for one, other in zip(told["said"], expected, strict=True):
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)
    assert sorted(path.name for path in elsewhere.iterdir()) == ["model", "x.dcm", "x.png"]
