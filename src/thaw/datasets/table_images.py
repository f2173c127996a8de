"""Where the images of a CSV lie: beside it, in a folder or archive of their own, or under absolute paths."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from thaw.errors import UserError
from thaw.images.sources import open_source


@dataclass(frozen=True)
class Located:
    """The images of a table.

    Attributes:
        source: The folder or archive that holds them.
        images: Path inside ``source`` by line of the CSV; lines whose image is not there are left out.
        notices: What was left out.
    """

    source: Path
    images: pd.Series[str]
    notices: tuple[str, ...]


def locate_images(texts: pd.Series[str], path: Path, root: str | None) -> Located:
    """Find the image of every line of the CSV ``path``.

    Relative paths begin in ``root`` (None: the CSV's folder) and stay inside. Absolute paths lie in it too, or, with
    ``root`` None, anywhere: their common folder is then the source. A name without an ending stands for the one file of
    that name with any ending.

    Raises:
        UserError: A path that is empty or leads outside, or none of the images is there.
    """
    source = Path(root).expanduser() if root is not None else _common_folder(texts, path)
    base = source.absolute()
    members = {line: _member(text, base, path, line) for line, text in texts.items()}
    with open_source(source) as opened:
        names = opened.names()
        defects = opened.defects()
    found = _matched(members, names)
    if not found:
        raise UserError(f"{source}: holds none of the table's {len(texts)} images, such as '{texts.iloc[0]}'")
    missing = len(members) - len(found)
    said = (f"{missing} rows of the table have no image in {source}",) if missing else ()
    return Located(source, pd.Series(found, dtype="str"), (*said, *defects))


def _common_folder(texts: pd.Series[str], path: Path) -> Path:
    """Return the CSV's folder, or that of the absolute paths where they lie outside of it."""
    folder = path.parent.absolute()
    places = {text: Path(os.path.normpath(text)) for text in texts if Path(text).is_absolute()}
    outside = [text for text, place in places.items() if not place.is_relative_to(folder)]
    if not outside:
        return path.parent
    if len(outside) < texts.nunique():
        raise UserError(
            f"{path}: '{outside[0]}' lies outside {folder}, other images inside; set dataset.images to the folder that "
            "holds them all"
        )
    return Path(os.path.commonpath([places[text].parent for text in outside]))


def _member(text: str, base: Path, path: Path, line: object) -> str:
    # by its words alone: what lies behind a link is never asked
    place = Path(os.path.normpath(base / text))
    if not text or not place.is_relative_to(base) or place == base:
        raise UserError(f"{path}, line {line}: the image '{text}' is not a file below {base}; see dataset.images")
    return place.relative_to(base).as_posix()


def _matched(members: dict[object, str], names: Sequence[str]) -> dict[object, str]:
    """Return the members that are there, by line; a name without an ending takes the file that has one."""
    there = set(names)
    stems: dict[str, list[str]] = {}
    if any(not PurePosixPath(member).suffix for member in members.values()):
        for name in names:
            for stem in {str(PurePosixPath(name).with_suffix("")), PurePosixPath(name).stem}:
                stems.setdefault(stem, []).append(name)
    found = {}
    for line, member in members.items():
        if member in there:
            found[line] = member
        elif len(stems.get(member, [])) == 1:
            found[line] = stems[member][0]
    return found
