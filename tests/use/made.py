"""A small project, run by the pipeline's own stages as far as a packaged model, for the tests of its use."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian
from ruamel.yaml import YAML

from tests.planning.made import tiny_content
from thaw.backbones.stored import save_pretrained
from thaw.cells import Cell
from thaw.files import read_json, write_csv, write_json
from thaw.labels import Task
from thaw.params.dataset import PreprocessParams
from thaw.preprocessing import decode_set
from thaw.stages import evaluate, predict, split, train
from thaw.stages.package import reference_of
from thaw.use.package import completed, write_package

CELL = Cell("resnet18", "frozen", 0)
CLASSES: dict[Task, list[str]] = {
    "multilabel": ["Effusion", "Mass", "Hernia"],
    "multiclass": ["normal", "pneumonia", "tuberculosis"],
}
CROPS: dict[Task, int | None] = {"multilabel": None, "multiclass": 72}
SIZE_PX, COUNT = 64, 90
PAGES = {"README.md": "# A model\n", "CITATION.cff": "cff-version: 1.2.0\n"}


@dataclass(frozen=True)
class Project:
    """A folder in which the pipeline ran, and what it made.

    Attributes:
        folder: of the project.
        task: of its model; decides the crop too.
        package: the model's folder.
    """

    folder: Path
    task: Task
    package: Path

    @property
    def classes(self) -> list[str]:
        return CLASSES[self.task]

    def tested(self) -> list[Path]:
        """The test images' files, in the order in which they were predicted."""
        table = pd.read_csv(self.folder / CELL.predict_folder / "predictions.csv")
        return [self.folder / "images" / name for name in table.loc[table["split"] == "test", "image"]]


def make_project(folder: Path, task: Task) -> Project:
    """Draw pictures, decode, train one epoch of the head, predict, evaluate, package."""
    folder.mkdir()
    changes: dict[str, Any] = {
        "preprocess": {"size": SIZE_PX, "crop_from": CROPS[task], "max_quarantined": 0.0}, "models": [CELL.model],
        "weights": {CELL.model: "none"}, "strategies": {CELL.strategy: [{"thaw": "head", "epochs": 1, "lr": 0.01}]},
        "strategy": CELL.strategy, "compared": [CELL.strategy] * 3, "train__cache_gib": 0, "train__augment": "none",
        "train__batch_size": 16, "evaluate__resamples": 100,
    }  # fmt: skip
    content = tiny_content(**changes)
    content["evaluate"]["conformal"]["repeats"] = 2
    with contextlib.chdir(folder):
        YAML(typ="safe").dump(content, Path("params.yaml"))
        prepare(Path("images"), task, PreprocessParams(**content["preprocess"]))
        save_pretrained(Path(f"models/pretrained/{CELL.model}.safetensors"), None, "none")
        run_stage(split.main)
        for main in (train.main, predict.main, evaluate.main):
            run_stage(main, CELL.model, CELL.strategy, str(CELL.seed))
        package(CROPS[task])
    return Project(folder, task, folder / CELL.package_folder)


def package(crop_from_px: int | None) -> None:
    """Write the package as the stage does, but for the texts."""
    described = completed(read_json(CELL.model_folder / "model.json"), crop_from_px, "1.2.3")
    rule = read_json(CELL.evaluate_folder / "rule.json")
    write_package(CELL.package_folder, CELL.model_folder, described, rule, reference_of(CELL), PAGES)


def prepare(images: Path, task: Task, params: PreprocessParams) -> None:
    """Pictures whose brightness says their first class, and the tables and array of the stages before split."""
    random, names = np.random.default_rng(0), [f"{number:03d}.png" for number in range(COUNT)]
    kind = np.arange(COUNT) % 3
    images.mkdir()
    for name, level in zip(names, kind, strict=True):
        Image.fromarray(random.integers(60 * level, 60 * level + 120, (80, 96), np.uint8)).save(images / name)
    labels = np.eye(3, dtype=int)[kind]
    if task == "multilabel":
        labels[:, 1] = random.random(COUNT) < 0.4
        labels[:, 2] = 0  # nobody has it: it has no threshold
    table = pd.DataFrame({"image": names, "patient": [f"p{number}" for number in range(COUNT)]})
    table[CLASSES[task]] = labels
    table[["sex", "age", "view", "follow_up", "source_split"]] = pd.NA
    write_csv(Path("data/labels.csv"), table)
    write_json(Path("data/dataset.json"), {
        "name": "folder", "title": "Made up", "task": task, "classes": CLASSES[task], "synthetic": task == "multilabel",
        "notices": [], "source": images.as_posix(), "images": COUNT, "patients": COUNT,
    })  # fmt: skip
    paths = [Path("data/images.npy"), Path("data/images.csv"), Path("reports/quality.csv")]
    decode_set(table["image"], images, params, *paths)


def run_stage(main: Callable[[], None], *arguments: str) -> None:
    """Run a stage in this process and in the current folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["stage", *arguments])
        main()


def shades(width: int = 96, height: int = 80) -> NDArray[np.uint8]:
    """A smooth picture without symmetry."""
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return np.rint(40 + 120 * down + 60 * across * (1 - down)).astype(np.uint8)


def encoded(picture: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    """A picture's file."""
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def picture_files() -> dict[str, bytes]:
    """Files of all kinds that training may meet, by name."""
    gray = Image.fromarray(shades())
    colours = Image.merge("RGB", [gray, gray.point(lambda value: 255 - value), gray.point(lambda value: value // 2)])
    turned = Image.Exif()
    turned[0x0112] = 6
    return {
        "gray.png": encoded(gray),
        "gray.jpg": encoded(gray, "JPEG"),
        "colours.png": encoded(colours),
        "colours.jpg": encoded(colours, "JPEG"),
        "turned.jpg": encoded(colours, "JPEG", exif=turned),
        "bits16.png": encoded(Image.fromarray(shades().astype(np.uint16) * 17)),
        "transparent.png": encoded(Image.merge("LA", [gray, gray])),
        "palette.png": encoded(colours.convert("P")),
        "one_bit.png": encoded(gray.convert("1")),
        "cmyk.jpg": encoded(colours.convert("CMYK"), "JPEG"),
        "float.tif": encoded(Image.fromarray(shades().astype(np.float32) / 7), "TIFF"),
        "lossy.tif": encoded(colours, "TIFF", compression="jpeg"),
        "xray.dcm": dicom_file(),
    }


def dicom_file() -> bytes:
    """A 12-bit X-ray whose white is air."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPInstanceUID = ExplicitVRLittleEndian, "1.2.3"
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, "1.2.3"
    dataset.Rows, dataset.Columns = shades().shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME1"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.WindowCenter, dataset.WindowWidth = 2048, 3000
    dataset.PixelData = (shades().astype(np.uint16) * 16).tobytes()
    buffer = io.BytesIO()
    FileDataset("", dataset, b"\0" * 128, meta).save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
