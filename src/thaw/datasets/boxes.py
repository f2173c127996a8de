"""Where findings lie: the boxes that somebody drew around some of them, in pixels of the distributed pictures.

NIH has BBox_List_2017.csv: 984 boxes on 880 images, of eight findings, drawn by a radiologist (Wang et al.,
"ChestX-ray8", CVPR 2017). The phantom writes the same file, with a box of everything that it draws.
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.datasets.dataset import Dataset
from thaw.datasets.nih import member_bytes
from thaw.datasets.text_table import read_text_table
from thaw.errors import UserError, did_you_mean
from thaw.images.properties import Properties, properties_of
from thaw.images.sources import ImageSource, open_source
from thaw.images.sources.walk import Walk
from thaw.phantom.frequencies import FINDINGS
from thaw.progress import progress

if TYPE_CHECKING:
    from thaw.params.dataset import DatasetParams

SIDES = ["left", "top", "width", "height"]
COLUMNS = ["image", "class", *SIDES, "picture_width", "picture_height"]
LAYOUTS = ("nih", "phantom")
FILE = "BBox_List_2017.csv"
ALIASES = {"Infiltrate": "Infiltration"}  # Data_Entry_2017.csv has the second name
NIH_SIDE_PX = 1024  # every picture that NIH distributes is a square of this size
LARGEST_ARCHIVES_BYTES = 4 * 2**30  # what must be inflated to be read: about 20 s


def read_boxes(
    params: DatasetParams, dataset: Dataset, largest_archives_bytes: int = LARGEST_ARCHIVES_BYTES
) -> pd.DataFrame:
    """Read the boxes of the dataset's images and classes; only NIH's layout has any.

    Compressed archives that are larger together than ``largest_archives_bytes`` are not inflated for the boxes: the
    file is then looked for beside them alone, and their pictures are taken to be of NIH's 1024 x 1024 pixels. So are
    those of a reduced copy of the set, which is known by boxes beyond its pictures: the boxes are still those of NIH's
    own pictures. Boxes on pictures that cannot be read are left out.

    Args:
        params: ``name`` says which layout the set has.
        dataset: what was read of it, classes and subset chosen.
        largest_archives_bytes: see above.

    Returns:
        ``image`` and ``class`` as the dataset names them, ``left``, ``top``, ``width``, ``height`` of the box and
        ``picture_width``, ``picture_height`` of the picture that it was drawn on, all in that picture's pixels, sorted
        by image and class; no row where the set has no boxes.

    Raises:
        UserError: a row that is not as NIH writes it; names the file and the line.
    """
    if params.name not in LAYOUTS:
        return pd.DataFrame(columns=COLUMNS)
    with open_source(dataset.source) as source:
        name = _find(source, largest_archives_bytes)
        if name is None:
            return pd.DataFrame(columns=COLUMNS)
        rows = _rows(member_bytes(source, name), f"{source.path}/{name}")
        boxes = _of_dataset(rows, dataset)
        sizes = _picture_sizes(source, boxes["image"].unique().tolist(), largest_archives_bytes)
    boxes = boxes[boxes["image"].isin(list(sizes))]
    pictures = np.array([sizes[image] for image in boxes["image"]], dtype=np.int64).reshape(-1, 2)
    if len(boxes) and (_reach(rows) > pictures.max(axis=0)).any():
        pictures[:] = NIH_SIDE_PX
    boxes = boxes.assign(picture_width=pictures[:, 0], picture_height=pictures[:, 1])
    return boxes[COLUMNS].sort_values(["image", "class"], ignore_index=True)


def _find(source: ImageSource, largest_archives_bytes: int) -> str | None:
    """The file of boxes that lies highest; None where there is none."""
    names = [name for name in _names(source, largest_archives_bytes) if _is_list(name)]
    return min(names, key=lambda name: (name.count("/"), name), default=None)


def _is_list(name: str) -> bool:
    return posixpath.basename(name).removesuffix(".gz") == FILE


def _names(source: ImageSource, largest_archives_bytes: int) -> list[str]:
    if source.path.is_dir():
        walk = Walk(source.path)
        # a name below an archive is enough to ask how the archive is reached
        inflated = [name for name in walk.archives if source.streamed_archive(f"{name}/{FILE}") is not None]
        if _bytes_of(source, inflated) > largest_archives_bytes:
            return walk.files
    return source.names()


def _bytes_of(source: ImageSource, archives: Sequence[str]) -> int:
    """Of archives in a folder; an archive that is the source itself is named by its own path."""
    folder = source.path if source.path.is_dir() else None
    return sum((source.path if folder is None else folder / name).stat().st_size for name in set(archives))


def _rows(content: bytes, origin: str) -> pd.DataFrame:
    """Return ``file``, ``class`` and the sides of every box, checked."""
    if len(content.strip().splitlines()) < 2:
        return pd.DataFrame(columns=["file", "class", *SIDES])  # nothing was drawn
    # by position: the header's third name, Bbox [x,y,w,h], is four cells
    rows = read_text_table(content, origin, leading=2 + len(SIDES))
    if rows.shape[1] < 2 + len(SIDES):
        raise UserError(f"{origin}: {rows.shape[1]} columns; NIH's file has six: image, finding, x, y, width, height")
    rows = rows.set_axis(["file", "class", *SIDES], axis=1).replace({"class": ALIASES})
    unknown = rows["class"][~rows["class"].isin(list(FINDINGS))]
    if not unknown.empty:
        near = did_you_mean(unknown.iloc[0], FINDINGS)
        raise UserError(f"{origin}, line {unknown.index[0]}: unknown finding '{unknown.iloc[0]}'{near}")
    sides = rows[SIDES].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    odd = rows[~np.isfinite(sides).all(axis=1) | (sides[:, 2:] <= 0).any(axis=1)]
    if not odd.empty:
        found = ", ".join(odd[SIDES].iloc[0])
        rule = "use x, y, width and height in pixels, the last two above 0"
        raise UserError(f"{origin}, line {odd.index[0]}: '{found}' is no box; {rule}")
    return rows.assign(**dict(zip(SIDES, sides.T, strict=True)))


def _reach(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return how far right and down the boxes go."""
    reach: NDArray[np.float64] = (rows[["left", "top"]].to_numpy() + rows[["width", "height"]].to_numpy()).max(axis=0)
    return reach


def _of_dataset(rows: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Return the boxes of the dataset's images and classes; equal rows once."""
    images = {posixpath.basename(image): image for image in dataset.table["image"]}
    boxes = rows.assign(image=rows["file"].map(images))
    return boxes[boxes["image"].notna() & boxes["class"].isin(dataset.classes)].drop_duplicates()


def _picture_sizes(
    source: ImageSource, images: Sequence[str], largest_archives_bytes: int
) -> dict[str, tuple[int, int]]:
    """Return width and height of the pictures that can be read."""
    holders = {image: archive for image in images if (archive := source.streamed_archive(image)) is not None}
    too_large = _bytes_of(source, list(holders.values())) > largest_archives_bytes
    sizes = dict.fromkeys(holders, (NIH_SIDE_PX, NIH_SIDE_PX)) if too_large else {}
    wanted = [image for image in images if image not in sizes]
    for image, found in progress(_properties(source, wanted), "reading sizes", "pictures", len(wanted)):
        if found.width and found.height:
            sizes[image] = (found.width, found.height)
    return sizes


def _properties(source: ImageSource, images: Sequence[str]) -> Iterator[tuple[str, Properties]]:
    """Yield what each picture's header says; of a file in a folder no more is read."""
    alone = [image for image in images if (source.path / image).is_file()]
    for image in alone:
        with (source.path / image).open("rb") as file:
            yield image, properties_of(file)
    within = set(images) - set(alone)
    for image, content in source.stream(image for image in images if image in within):
        yield image, properties_of(io.BytesIO(content)) if isinstance(content, bytes) else Properties()
