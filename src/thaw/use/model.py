"""A model that the pipeline has trained, ready to be asked about images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from thaw.backbones.classifier import Classifier
from thaw.errors import UserError, did_you_mean
from thaw.labels import Task
from thaw.training.batches import Examples
from thaw.training.device import Precision, choose_device
from thaw.training.inference import predict_with_features
from thaw.training.saved import load_model
from thaw.use.package import WEIGHTS, Package, read_package
from thaw.use.pictures import Picture, given_images
from thaw.use.prediction import Prediction, judge
from thaw.use.reading import read_ahead

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Model:
    """A trained network with everything that was fitted for its use.

    Not a medical device; for research only.

    Attributes:
        package: what its folder says.
        classifier: the network, on ``device``.
        device, precision: of the computation.
    """

    package: Package
    classifier: Classifier
    device: torch.device
    precision: Precision

    @property
    def classes(self) -> tuple[str, ...]:
        """What it can find, in the order of the logits."""
        return self.package.classes

    @property
    def task(self) -> Task:
        """``multilabel``: an image may have several classes or none; ``multiclass``: it has exactly one."""
        return self.package.task

    @property
    def description(self) -> dict[str, Any]:
        """Backbone, strategy, input, dataset: what ``model.json`` says."""
        return self.package.description

    def predict(self, images: Picture | Iterable[Picture], batch_size: int = 64) -> list[Prediction]:
        """What the model says of each image, in their order.

        Files and their bytes are decoded as for training, pixel by pixel: PNG, JPEG, TIFF, BMP, GIF, WebP and DICOM. So
        are pictures of Pillow and arrays, after they have been written in memory as a TIFF without compression: uint8
        is taken as it is, 16 bits are stretched from the smallest to the largest value, as 16-bit files are.

        Args:
            images: paths, bytes of files, pictures of Pillow, arrays uint8 (H, W), uint8 (H, W, 3) or uint16 (H, W);
                one or several, also an array (n, H, W).
            batch_size: images that the network is given at a time.

        Raises:
            UserError: an image cannot be read; the line names it and says why.
            TypeError: something is none of these.
        """
        return [one for names, pixels in self._read(images, batch_size) for one in self.predict_pixels(names, pixels)]

    def predict_pixels(self, names: Sequence[str], pixels: Pixels) -> list[Prediction]:
        """What the model says of n images that are decoded already, (n, H, W) in its own size, in one batch."""
        examples = Examples(pixels, np.arange(len(pixels)), np.zeros((len(pixels), len(self.classes)), np.int64))
        logits, features = predict_with_features(
            self.classifier, self.description["model"], examples, len(pixels), self.device, self.precision
        )
        return judge(names, logits, features, self.package)

    def pixels(self, images: Picture | Iterable[Picture]) -> Pixels:
        """What the network is given of each image, (n, H, W), gray; see ``predict``."""
        size_px = self.package.size_px
        batches = [pixels for _, pixels in self._read(images, 64)]
        return np.concatenate([np.zeros((0, size_px, size_px), np.uint8), *batches])

    def explain(self, images: Picture | Iterable[Picture], class_name: str) -> list[Pixels]:
        """Each image as the network sees it with the places laid over it that speak for a class, RGB (H, W, 3).

        Grad-CAM: see ``thaw.explain.heat_maps``. It is no evidence that the model is right.

        Raises:
            UserError: there is no such class, or an image cannot be read.
        """
        pixels = self.pixels(images)
        return self.overlays(pixels, np.full(len(pixels), self.number_of(class_name)))

    def overlays(self, pixels: Pixels, targets: NDArray[np.int64]) -> list[Pixels]:
        """The same of decoded images (n, H, W), each for its own class, by number (n,)."""
        # imported here: they bring matplotlib and more, which predictions do without
        from thaw.explain.heat_maps import heat_maps
        from thaw.explain.maps import shrink
        from thaw.explain.overlay import overlay

        if not len(pixels):
            return []
        maps = heat_maps(
            self.classifier, self.description["model"], pixels, targets, "gradcam", None, self.device
        )  # fmt: skip
        return [overlay(one, heat) for one, heat in zip(pixels, shrink(maps), strict=True)]

    def number_of(self, class_name: str) -> int:
        """The place of a class in the order of the logits.

        Raises:
            UserError: there is no such class; offers the nearest.
        """
        if class_name not in self.classes:
            offered = f"use one of {', '.join(self.classes)}{did_you_mean(class_name, self.classes)}"
            raise UserError(f"the model has no class {class_name!r}; {offered}")
        return self.classes.index(class_name)

    def _read(self, images: Picture | Iterable[Picture], batch_size: int) -> Iterator[tuple[list[str], Pixels]]:
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be 1 or more")
        size_px, crop_from_px = self.package.size_px, self.package.crop_from_px
        with closing(read_ahead(given_images(images), size_px, crop_from_px, batch_size)) as batches:
            for batch in batches:
                for one in batch:
                    if one.reason is not None:
                        raise UserError(f"{one.name}: {one.reason}")
                decoded = [one.pixels for one in batch if one.pixels is not None]
                yield [one.name for one in batch], np.stack(decoded)


def load(path: str | Path) -> Model:
    """Load a model that the pipeline has trained, from its folder: ``models/<backbone>/<strategy>/<seed>``.

    The folder may lie anywhere; nothing else is needed. It computes on a GPU where there is one.

    >>> import thaw
    >>> model = thaw.load("models/efficientnet_lite0/full/0")  # doctest: +SKIP
    >>> model.predict(["chest.png"])[0].probabilities  # doctest: +SKIP
    {'Atelectasis': 0.12, ...}

    Raises:
        UserError: it is no model's folder, or a file in it is damaged.
    """
    return open_model(read_package(Path(path)))


def open_model(package: Package) -> Model:
    """The model of a folder that has been read.

    Raises:
        UserError: its weights are damaged, or another network's.
    """
    try:
        classifier, description = load_model(package.folder)
    except SafetensorError as error:
        raise UserError(f"{package.folder / WEIGHTS}: damaged ({error}); copy it again or run dvc repro") from None
    device = choose_device("auto")
    precision: Precision = description["precision"]
    # only a GPU computes in fp16; its network is as good in fp32
    usable: Precision = "fp32" if precision == "fp16" and device.type == "cpu" else precision
    return Model(package, classifier.to(device), device, usable)
