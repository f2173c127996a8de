"""What a picture of a test image is called and told of, without the names of files and patients."""

from __future__ import annotations

from collections.abc import Sequence

from thaw.labels import UNKNOWN
from thaw.report.explained import Explained, ExplainedCell
from thaw.report.html.blocks import Picture
from thaw.report.html.pictures import heat_uri, xray_uri

KINDS = {
    "true_positive": "rightly found",
    "false_positive": "falsely found",
    "false_negative": "missed",
    "true_negative": "rightly left out",
    "changed": "judged otherwise",
}


def name_of(image: str, explained: Explained) -> str:
    """By its row in data/images.csv: file names may tell a patient."""
    return f"image {explained.rows[image]}" if image in explained.rows else "image"


def labels_of(image: str, cell: ExplainedCell) -> str:
    """The classes that a test image is labelled with."""
    judged = cell.decided.judged
    labels = judged.labels[cell.places[image]]
    return told([name for name, label in zip(judged.classes, labels, strict=True) if label == 1])


def told(labels: Sequence[str]) -> str:
    """Labels in words."""
    return ", ".join(labels) or "no label"


def xray(image: str, labels: str, explained: Explained, side_px: int, caption: str = "") -> Picture:
    """An X-ray without anything over it."""
    pixels = explained.pixels.get(image)
    named = name_of(image, explained)
    uri = None if pixels is None else xray_uri(pixels, side_px)
    return Picture(uri, f"X-ray, {named}, labelled {labels}", caption or f"{named}: {labels}")


def heat(image: str, class_name: str, cell: ExplainedCell, explained: Explained, side_px: int) -> Picture:
    """An X-ray with what a strategy's network looks at for a class, and what it decided."""
    pixels, found = explained.pixels.get(image), cell.maps.get((image, class_name))
    said, right = decision(image, class_name, cell)
    uri = None if pixels is None or found is None else heat_uri(pixels, found, side_px)
    alt = f"Heat map of {cell.strategy} for {class_name} on {name_of(image, explained)}: {said}"
    return Picture(uri, alt, said, "" if right is None else "good" if right else "bad")


def decision(image: str, class_name: str, cell: ExplainedCell) -> tuple[str, bool | None]:
    """What a network says of a class in a test image, and whether it is right; None where that is not known."""
    judged = cell.decided.judged
    place, column = cell.places[image], judged.classes.index(class_name)
    probability = f"{judged.probabilities[place, column]:.2f}"
    if not judged.decidable[column]:
        return f"{probability}, not decided", None
    given, label = bool(judged.decisions[place, column]), int(judged.labels[place, column])
    right = None if label == UNKNOWN else given == (label == 1)
    verdict = {True: "right", False: "wrong", None: "label unknown"}[right]
    return f"{probability}, {'found' if given else 'not found'}: {verdict}", right
