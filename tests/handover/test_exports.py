"""Exported networks: they say what torch says, for any number of images, and tell nothing of this machine."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.handover.made import CLASSES, write_made_package
from thaw.backbones.classifier import Classifier, build_classifier
from thaw.commands.export import main
from thaw.errors import UserError
from thaw.handover import int8_file, onnx_file, torch_file
from thaw.handover.agreement import TOLERANCE, DisagreementError, check_agreement
from thaw.images.decode import decode
from thaw.training.saved import load_model
from thaw.use.package import read_package

ROOT = Path(__file__).parents[2]
SMALL = "timm/test_resnet"  # half a million parameters
SIDE, CROP = 64, 80
# convolutions and attention; docs/log.md names the other families that were exported
FAMILIES = ("efficientnet_lite0", "mobilenet_v3_small", "timm/test_vit")
MADE = {"model.onnx", "model.int8.onnx", "model.pt2", "predict_onnx.py"}
# the script alone, where thaw and torch cannot be imported
APART = """
import runpy, sys
sys.modules["thaw"] = sys.modules["torch"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder."""
    folder = tmp_path_factory.mktemp("models") / "package"
    write_made_package(folder, SMALL, crop_from_px=CROP, size_px=SIDE)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures, and a file that is none."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(8):
        (folder / f"{number}.png").write_bytes(picture("L", 90 + number, 100 - number))
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def exported(package: Path, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command makes of it, in a folder that holds nothing else; ``said`` beside it is what it printed."""
    folder = tmp_path_factory.mktemp("elsewhere") / "model"
    printed = io.StringIO()
    with redirect_stdout(printed):
        main([str(package), "--to", str(folder), "--int8", "--calibrate", str(pictures)])
    folder.with_name("said").write_text(printed.getvalue())
    return folder


def noise(images: int, side: int = SIDE) -> NDArray[np.float32]:
    return np.random.default_rng(7).random((images, 1, side, side), dtype=np.float32)


def in_torch(folder: Path, images: NDArray[np.float32]) -> NDArray[np.float32]:
    classifier, _ = load_model(folder)
    with torch.no_grad():
        logits: NDArray[np.float32] = classifier.eval()(torch.from_numpy(images)).numpy()
    return logits


def picture(mode: str, width: int, height: int) -> bytes:
    """Waves, as PNG."""
    down, across = np.mgrid[:height, :width]
    waves = 127 + 60 * np.sin(down / 7) + 60 * np.cos(across / 11)
    pixels = waves.astype(np.uint8) if mode == "L" else np.stack([waves, waves / 2, waves / 3], axis=2).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_the_folder_holds_everything(package: Path, exported: Path) -> None:
    copied = {path.name for path in package.iterdir()}
    assert {path.name for path in exported.iterdir()} == copied | MADE
    assert all((exported / name).read_bytes() == (package / name).read_bytes() for name in copied)


def test_onnx_takes_any_number_of_images(package: Path, exported: Path) -> None:
    images = noise(5)
    given = onnx_file.runner(exported / "model.onnx")(images)
    assert given.shape == (5, len(CLASSES))
    np.testing.assert_allclose(given, in_torch(package, images), rtol=TOLERANCE, atol=TOLERANCE)
    model = onnx.load(exported / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    (taken,), (made,) = model.graph.input, model.graph.output
    sides = [[part.dim_param or part.dim_value for part in one.type.tensor_type.shape.dim] for one in (taken, made)]
    assert (taken.name, made.name) == ("image", "logits")
    assert sides == [["batch", 1, SIDE, SIDE], ["batch", 2]]


def test_onnx_says_in_its_metadata_how_it_is_used(package: Path, exported: Path) -> None:
    (stored,) = onnx.load(exported / "model.onnx").metadata_props
    use, rule = json.loads(stored.value), json.loads((package / "rule.json").read_text())
    assert stored.key == "thaw"
    assert use["classes"] == list(CLASSES)
    assert (use["task"], use["model"], use["synthetic"]) == ("multilabel", SMALL, True)
    assert (use["input"]["size"], use["input"]["crop_from"]) == (SIDE, CROP)
    assert (use["calibration"], use["thresholds"]) == (rule["calibration"], rule["thresholds"])
    assert use["prediction_set"] == {
        "method": "false_negative_rate_crc", "level": rule["conformal_levels"]["false_negative_rate_crc"],
    }  # fmt: skip
    assert any("Not a medical device" in notice for notice in use["notices"])


def test_torch_takes_any_number_of_images(package: Path, exported: Path) -> None:
    module = torch.export.load(exported / "model.pt2").module()
    for count in (1, 5):
        images = noise(count)
        given = module(torch.from_numpy(images)).detach().numpy()
        np.testing.assert_allclose(given, in_torch(package, images), rtol=TOLERANCE, atol=TOLERANCE)


def test_no_file_names_a_folder_of_this_machine(exported: Path) -> None:
    with zipfile.ZipFile(exported / "model.pt2") as archive:
        contents = [archive.read(name) for name in archive.namelist()]
    for content in (*contents, (exported / "model.onnx").read_bytes()):
        assert str(ROOT).encode() not in content
        assert str(Path(torch.__file__).parent).encode() not in content


def test_the_program_needs_no_thaw_and_says_what_thaw_says(package: Path, exported: Path, tmp_path: Path) -> None:
    files = {"gray.png": picture("L", 130, 90), "colour, one.png": picture("RGB", 100, 171)}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    command = [sys.executable, "-I", "-c", APART, str(exported / "predict_onnx.py"), *files]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    pixels = np.stack([decode(content, SIDE, CROP).pixels for content in files.values()])
    logits = in_torch(package, pixels[:, None].astype(np.float32) / 255)
    expected = read_package(package).rule.probabilities(logits)
    header, *lines = done.stdout.splitlines()
    assert header == "image,Mass,<b>Effusion|"
    assert [line.rsplit(",", 2)[0] for line in lines] == ["gray.png", '"colour, one.png"']
    given = [[float(value) for value in line.rsplit(",", 2)[1:]] for line in lines]
    np.testing.assert_allclose(given, expected, atol=2e-5)


def test_the_program_refuses_what_it_would_read_otherwise_than_thaw(exported: Path, tmp_path: Path) -> None:
    Image.fromarray(np.arange(6400, dtype=np.uint16).reshape(80, 80)).save(tmp_path / "deep.png")
    command = [sys.executable, "-I", str(exported / "predict_onnx.py"), "deep.png"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("deep.png: a picture of mode I;16")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """Two classes, 32 pixels."""
    network = build_classifier(SMALL, 2, seed=0, size_px=32)
    torch_file.as_exported(network)
    return network


@pytest.mark.parametrize("off", [lambda logits: logits + 1e-2, lambda logits: logits * np.nan])
def test_other_logits_are_noticed(classifier: Classifier, off: Callable[[Any], Any]) -> None:
    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return off(classifier(torch.from_numpy(images)).numpy())

    with pytest.raises(DisagreementError, match="with 1 images at once its logits differ from torch's by"):
        check_agreement(run, classifier, 32)


def test_the_command_says_how_near_each_file_is(exported: Path) -> None:
    lines = exported.with_name("said").read_text().splitlines()
    words = [line.split(" MiB  ")[1] for line in lines[1:]]
    assert [line.split()[0] for line in lines] == ["Written:", "model.pt2", "model.onnx", "model.int8.onnx"]
    near = r"logits (equal to|within \de-\d+ of) torch's, 1 and 3 images at once"
    assert all(re.fullmatch(near, one) for one in words[:2])
    apart = r"probabilities differ from fp32's by at most 0\.\d{4}, 0\.\d{4} on average"
    assert re.fullmatch(rf"{apart} \(4 pictures of the folder that the ranges were not taken from\)", words[2])


def test_int8_is_smaller_and_near(package: Path, exported: Path) -> None:
    target, source = exported / "model.int8.onnx", exported / "model.onnx"
    assert target.stat().st_size < 0.5 * source.stat().st_size
    assert onnx.load(target).metadata_props == onnx.load(source).metadata_props
    rule, images = read_package(package).rule, noise(4)
    small, exact = (rule.probabilities(onnx_file.runner(path)(images)) for path in (target, source))
    assert 0 < np.abs(small - exact).max() < 0.1


def test_int8_tells_the_true_difference(package: Path, exported: Path, tmp_path: Path) -> None:
    read, images = read_package(package), noise(5)
    source, target = exported / "model.onnx", tmp_path / "small.onnx"
    apart = int8_file.write_int8(target, source, images, read.rule, onnx_file.usage(read))
    small, exact = (read.rule.probabilities(onnx_file.runner(path)(images[1::2])) for path in (target, source))
    assert (apart.images, apart.noise) == (2, False)
    assert apart.largest == pytest.approx(np.abs(small - exact).max())
    assert apart.mean == pytest.approx(np.abs(small - exact).mean())
    assert [path.name for path in tmp_path.iterdir()] == ["small.onnx"]


def test_convolutions_want_pictures(package: Path, exported: Path, tmp_path: Path) -> None:
    read = read_package(package)
    with pytest.raises(UserError, match=r"weights are those of convolutions.*; add --calibrate FOLDER"):
        int8_file.write_int8(tmp_path / "x", exported / "model.onnx", None, read.rule, onnx_file.usage(read))


@pytest.mark.pipeline
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_can_be_exported(name: str, tmp_path: Path) -> None:
    side = 160 if name == "timm/test_vit" else 64
    write_made_package(tmp_path / "package", name, size_px=side)
    main([str(tmp_path / "package"), "--to", str(tmp_path / "exported")])
    images = noise(4, side)
    given = onnx_file.runner(tmp_path / "exported/model.onnx")(images)
    np.testing.assert_allclose(given, in_torch(tmp_path / "package", images), rtol=TOLERANCE, atol=TOLERANCE)
