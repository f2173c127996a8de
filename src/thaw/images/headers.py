"""What DICOM headers add to a table of images: patient, sex, age and view; identifiers leave as pseudonyms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

import pandas as pd

from thaw.images.dicom import Header, read_header
from thaw.images.pseudonym import Pseudonyms, load_salt
from thaw.images.sources import ImageSource, MemberError, open_source
from thaw.images.unreadable import UnreadableError
from thaw.progress import progress

SUFFIXES = (".dcm", ".dicom", "")
SALT = Path("data/patient_salt")
X_RAY = ("CR", "DX", "PX", "RF", "XA", "MG", "")
HEADER_BYTES = 256 * 1024  # the pixels come last; what stands before them is far smaller


def may_be_dicom(name: str) -> bool:
    """Whether a file's ending leaves open that it is DICOM; hospitals' exports often have none."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES or PurePosixPath(name).suffix[1:].isdecimal()


def read_headers(source: ImageSource, names: list[str]) -> dict[str, Header]:
    """Return the headers of those of ``names``, as the source lists them, that are DICOM."""
    headers = {}
    wanted = [name for name in names if may_be_dicom(name)]
    for name, content in progress(_contents(source, wanted), "reading DICOM headers", "files", len(wanted)):
        if isinstance(content, MemberError):
            continue  # the stage preprocess says so, with the reason
        with suppress(UnreadableError):  # no DICOM, or damaged
            headers[name] = read_header(content)
    return headers


def _contents(source: ImageSource, names: list[str]) -> Iterator[tuple[str, bytes | MemberError]]:
    """Yield each file's beginning, where that can be had alone, else all of it, an archive in one pass."""
    if not source.path.is_dir() or any(source.streamed_archive(name) is not None for name in names):
        yield from source.stream(names)
        return
    for name in names:
        file = source.path / name
        try:
            with file.open("rb") as opened:
                yield name, opened.read(HEADER_BYTES)
        except OSError:
            yield from source.stream([name])  # a member of an archive, or a file that cannot be read


def add_headers(table: pd.DataFrame, path: Path, salt: Path = SALT) -> tuple[pd.DataFrame, list[str]]:
    """Fill what ``table`` leaves open from the DICOM headers of its images.

    Where any image is DICOM, every patient becomes a salted pseudonym, and so does the header's patient id inside an
    image's path: hospitals' identifiers must not reach tables, models or DVC's cache.

    Returns:
        The table, sorted by image, and one line for each thing to say.
    """
    if not any(may_be_dicom(name) for name in table["image"]):
        return table, []
    with open_source(path) as source:
        headers = read_headers(source, table["image"].tolist())
    if not headers:
        return table, []
    pseudonyms = Pseudonyms(load_salt(salt))
    table = table.copy()
    found = table["image"].map(headers)
    known = found.dropna()
    for column, field in (("patient", "patient_id"), ("sex", "sex"), ("view", "view")):
        values = known.map(lambda header, field=field: getattr(header, field))
        empty = values.index[table.loc[values.index, column] == ""]
        table.loc[empty, column] = values[empty]
    ages = known.map(lambda header: header.age_years)
    table["age"] = table["age"].fillna(ages.astype("Int64").reindex(table.index))
    table["image"] = [
        pseudonyms.name(image, headers[image].patient_id) if image in headers else image for image in table["image"]
    ]
    table["patient"] = [pseudonyms.of(patient) if patient else "" for patient in table["patient"]]
    return table.sort_values("image", ignore_index=True), _said(known)


def original_names(path: Path, images: list[str], salt: Path = SALT) -> dict[str, str]:
    """Return the file of every image: its own name, or the one of which ``add_headers`` made it."""
    with open_source(path) as source:
        if not salt.exists():
            return {image: image for image in images}
        names = source.names()
        changed = set(images) - set(names)
        if not changed:
            return {image: image for image in images}
        pseudonyms = Pseudonyms(load_salt(salt))
        files = {pseudonyms.name(name, header.patient_id): name for name, header in read_headers(source, names).items()}
    return {image: files.get(image, image) for image in images}


def _said(headers: pd.Series) -> list[str]:
    others = Counter(header.modality for header in headers if header.modality not in X_RAY)
    said = [f"{len(headers)} images are DICOM; patients, also in paths, are replaced by salted pseudonyms"]
    return said + [f"{count} images are of modality {name}, not X-rays" for name, count in sorted(others.items())]
