"""What a picture's file says before it is decoded: width, height, colour mode and format."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

import pandas as pd
from PIL import Image

from thaw.images.decode import DAMAGED, FORMATS
from thaw.images.dicom import PREAMBLE_BYTES, is_dicom, read_header
from thaw.images.headers import HEADER_BYTES, original_names
from thaw.images.sources import ImageSource, open_source
from thaw.images.unreadable import UnreadableError
from thaw.progress import progress

LARGEST_ARCHIVES_BYTES = 4 * 2**30  # members of archives are read whole: about 20 s
DICOM_MARK_BYTES = PREAMBLE_BYTES + 4


class Properties(NamedTuple):
    """Of one file; ``width`` and ``height`` (pixels) are None, ``mode`` and ``format`` empty where it does not say."""

    width: int | None = None
    height: int | None = None
    mode: str = ""
    format: str = ""


def read_properties(
    path: Path, images: Sequence[str], largest_archives_bytes: int = LARGEST_ARCHIVES_BYTES
) -> tuple[pd.DataFrame, str | None]:
    """Read the beginnings of files; those in archives only where the archives are not too large to be read through.

    Args:
        path: the folder or archive that holds the pictures.
        images: as ``data/labels.csv`` names them.
        largest_archives_bytes: of all archives together.

    Returns:
        ``width, height, mode, format``, a row for each of ``images`` in their order, and a line about what was not
        read, None where nothing was left out. ``mode`` is Pillow's, or DICOM's photometric interpretation.

    Raises:
        UserError: the path is not there or is no source of images.
    """
    files = original_names(path, list(images))
    archived = archives_of(path, files.values())
    size = sum(archive.stat().st_size for archive in set(archived.values()))
    skipped = archived if size > largest_archives_bytes else {}
    wanted = [name for name in files.values() if name not in skipped]
    with open_source(path) as source:
        read = _read_all(source, wanted, archived)
        found = dict(progress(read, "reading file properties", "files", len(wanted)))
    table = pd.DataFrame([found.get(files[image], Properties()) for image in images], columns=list(Properties._fields))
    table = table.astype({"width": "float64", "height": "float64"})
    note = f"{len(skipped):,} files lie in archives of {size / 2**30:.0f} GiB, too large to read for their properties"
    return table, note if skipped else None


def archives_of(path: Path, names: Iterable[str]) -> dict[str, Path]:
    """The archive that holds each file; files that lie in a folder by themselves are left out."""
    if not path.is_dir():
        return dict.fromkeys(names, path)
    holder: dict[PurePosixPath, Path | None] = {}
    found = {}
    for name in names:
        folder = PurePosixPath(name).parent
        if folder not in holder:
            above = (path / part for part in (folder, *folder.parents))
            holder[folder] = next((part for part in above if part.is_file()), None)
        if (archive := holder[folder]) is not None:
            found[name] = archive
    return found


def properties_of(file: BinaryIO) -> Properties:
    """Read no more of a file than its header; nothing is known of a file that is no picture."""
    with warnings.catch_warnings(), suppress(UnreadableError, Image.DecompressionBombError, *DAMAGED):
        warnings.simplefilter("ignore")  # a large picture, odd metadata: no matter here
        start = file.read(DICOM_MARK_BYTES)
        if is_dicom(start):
            header = read_header(start + file.read(HEADER_BYTES))
            return Properties(header.columns or None, header.rows or None, header.photometric, "DICOM")
        file.seek(0)
        with Image.open(file, formats=FORMATS) as picture:
            return Properties(*picture.size, picture.mode, picture.format or "")
    return Properties()


def _read_all(source: ImageSource, names: Sequence[str], archived: dict[str, Path]) -> Iterator[tuple[str, Properties]]:
    for name in names:
        if name not in archived:
            yield name, _read_file(source.path / name)
    for name, content in source.stream([name for name in names if name in archived]):
        yield name, properties_of(io.BytesIO(content)) if isinstance(content, bytes) else Properties()


def _read_file(path: Path) -> Properties:
    with suppress(OSError), path.open("rb") as file:
        return properties_of(file)
    return Properties()
