"""python -m thaw predict: what a trained model says of X-rays.

MODEL is a folder that the pipeline wrote: models/<backbone>/<strategy>/<seed>; a copy of it anywhere will do. IMAGES
are files (PNG, JPEG, TIFF, BMP, GIF, WebP, DICOM), folders at any depth, or archives (.zip, .tar, .tar.gz).

A row an image: calibrated probability of each class, findings at the fitted thresholds, prediction set, whether it is
strange (unlike the training images, so that the rest means nothing) and how far, or why it could not be read.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from PIL import Image

from thaw.errors import UserError, did_you_mean
from thaw.files import replacing
from thaw.progress import progress
from thaw.use.inputs import Inputs
from thaw.use.package import Package, read_package
from thaw.use.reading import Read, read_ahead
from thaw.use.rows import WRITERS, Row, Writer

if TYPE_CHECKING:
    from thaw.use.model import Model

BATCH_SIZE = 64


def main(arguments: Sequence[str]) -> None:
    """Predict, write, and say what went wrong."""
    given = _parser().parse_args(arguments)
    package = read_package(Path(given.model))
    _check_classes(given, package)
    # imported here: it brings torch; what is wrong with the arguments is told without it
    from thaw.training.device import keep_freed_memory, make_deterministic
    from thaw.use.model import open_model

    make_deterministic()
    keep_freed_memory()
    model = open_model(package)
    cam = None if given.cam is None else Path(given.cam)
    with Inputs([Path(path) for path in given.images]) as inputs:
        rows = rows_of(model, inputs, cam, given.classes)
        try:
            with _opened(given.out) as file:
                # a bar would tear the table apart that goes to the same terminal
                shown = progress(rows, "predicting", "images") if given.out else rows
                tally = _write_all(shown, WRITERS[given.format](file, package))
        except BrokenPipeError:  # the reader, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            _tell(package.notices)
            return
        _tell([*package.notices, *_counts(tally, inputs.passed_over)])


@dataclass
class Tally:
    """How many images there were, could not be read, and are strange; the first that could not be read, and why."""

    images: int = 0
    unread: int = 0
    strange: int = 0
    first: str = "there is none"

    def count(self, row: Row) -> None:
        """One image more."""
        self.images += 1
        self.strange += row.prediction is not None and row.prediction.strange
        if row.prediction is None:
            self.first = self.first if self.unread else f"the first: {row.image}: {row.error}"
            self.unread += 1


def _write_all(rows: Iterable[Row], writer: Writer) -> Tally:
    """Write every row.

    Raises:
        UserError: not one image could be read.
    """
    tally = Tally()
    with writer:
        for row in rows:
            writer.add(row)
            tally.count(row)
        if tally.unread == tally.images:
            raise UserError(f"none of {tally.images} images could be read; {tally.first}")
    return tally


def rows_of(model: Model, inputs: Inputs, cam: Path | None, classes: Sequence[str] | None) -> Iterator[Row]:
    """What the model says of each image, or why it could not be read; overlays are written into ``cam``."""
    package, place = model.package, 0
    with closing(read_ahead(inputs, package.size_px, package.crop_from_px, BATCH_SIZE)) as batches:
        for batch in batches:
            images = [one for one in batch if one.pixels is not None or one.reason is not None]
            inputs.passed_over += len(batch) - len(images)
            rows = _predicted(model, images)
            if cam is not None:
                _write_overlays(model, images, rows, cam, classes, place)
            place += len(rows)
            yield from rows


def _predicted(model: Model, images: Sequence[Read]) -> list[Row]:
    decoded = {one.name: one.pixels for one in images if one.pixels is not None}
    names = list(decoded)
    said = dict(zip(names, model.predict_pixels(names, np.stack(list(decoded.values()))), strict=True)) if names else {}
    return [Row(one.name, said.get(one.name), one.reason) for one in images]


def _write_overlays(
    model: Model, images: Sequence[Read], rows: Sequence[Row], cam: Path, classes: Sequence[str] | None, first: int
) -> None:  # fmt: skip
    """A picture for each class that was found, or that is asked for, numbered as the rows are."""
    asked = [
        (first + number, one, name)
        for number, (one, row) in enumerate(zip(images, rows, strict=True))
        if row.prediction is not None
        for name in (classes or row.prediction.findings)
    ]
    pixels = [one.pixels for _, one, _ in asked if one.pixels is not None]
    if not pixels:
        return
    cam.mkdir(parents=True, exist_ok=True)
    targets = np.array([model.number_of(name) for _, _, name in asked])
    for (number, one, name), shown in zip(asked, model.overlays(np.stack(pixels), targets), strict=True):
        stem = _file_name(Path(one.name).stem)
        with replacing(cam / f"{number:06d}_{stem}_{_file_name(name)}.png") as path:
            Image.fromarray(shown).save(path, "PNG")


def _counts(tally: Tally, passed_over: int) -> Iterator[str]:
    of = f"of {tally.images} images"
    if passed_over:
        yield f"{passed_over} files are no images by their name or content, and were passed over."
    if tally.unread:
        yield f"{tally.unread} {of} could not be read; the column error says why."
    if tally.strange:
        yield f"{tally.strange} {of} are strange: unlike the training images. What is said of them means nothing."


def _tell(lines: Iterable[str]) -> None:
    """On standard error, so that the table stays a table."""
    for line in lines:
        print(line, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m thaw predict", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", metavar="MODEL", help="the model's folder")
    parser.add_argument("images", metavar="IMAGES", nargs="+", help="files, folders, archives")
    parser.add_argument("--format", choices=list(WRITERS), default="csv", help="json has thresholds and notices too")
    parser.add_argument("--out", metavar="FILE", help="write there, not to the terminal")
    parser.add_argument("--cam", metavar="FOLDER", help="write where it looks (Grad-CAM) for each class found")
    parser.add_argument(
        "--class", dest="classes", action="append", metavar="NAME", help="with --cam: for this class, found or not"
    )
    return parser


def _check_classes(given: argparse.Namespace, package: Package) -> None:
    for name in given.classes or []:
        if name not in package.classes:
            offered = f"use one of {', '.join(package.classes)}{did_you_mean(name, package.classes)}"
            raise UserError(f"--class {name}: {offered}")
    if given.classes and given.cam is None:
        raise UserError("--class says of which class --cam writes pictures; give --cam FOLDER too")


@contextmanager
def _opened(out: str | None) -> Iterator[IO[str]]:
    if out is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    with replacing(Path(out)) as path, path.open("w", encoding="utf-8", newline="") as file:
        yield file


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text)
