"""Writing files so that a reader never sees half of one: write beside the target, then rename."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a temporary path beside ``target``; it becomes the target when the block ends without an error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.part")
    _remove(temporary)  # what a killed run left
    try:
        yield temporary
        if target.is_dir():
            shutil.rmtree(target)
        temporary.replace(target)
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write a text in UTF-8."""
    with replacing(target) as path:
        path.write_text(text, encoding="utf-8")


def write_json(target: Path, content: Mapping[str, Any]) -> None:
    """Write JSON that is the same for the same content: indented, in the order given, NaN refused."""
    write_text(target, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read what ``write_json`` wrote."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def read_csv(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read what ``write_csv`` wrote, or some ``columns`` of it; a patient called NA or 007 stays that text."""
    text = dict.fromkeys(("image", "patient", "source_split"), str)
    return pd.read_csv(path, usecols=columns, dtype=text, keep_default_na=False, na_values=[""])


def write_csv(target: Path, table: pd.DataFrame) -> None:
    """Write a table without its index, the same bytes on every system."""
    with replacing(target) as path:
        table.to_csv(path, index=False, lineterminator="\n")
