"""Reading a CSV as text, strictly: every problem is named with its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

import pandas as pd

from thaw.errors import UserError, did_you_mean

DELIMITERS = ",;\t"


def read_text_table(data: bytes, origin: str, leading: int | None = None) -> pd.DataFrame:
    """Read a CSV with a header into stripped strings; the index holds each row's line in the file.

    Args:
        data: The file; UTF-8 with or without a byte order mark, any line end, delimited by comma, semicolon or tab.
        origin: What error messages call the file.
        leading: Keep only so many columns; rows may then be longer. None: every row is as long as the header.

    Raises:
        UserError: Not UTF-8, no header, no row, a repeated column, or a row of another length.
    """
    header, *rows = _lines(data, origin)
    if not rows:
        raise UserError(f"{origin}: has a header, but no row")
    width = min(leading or len(header[1]), len(header[1]))
    columns = header[1][:width]
    repeated = [name for name in columns if columns.count(name) > 1]
    if repeated:
        raise UserError(f"{origin}: the column '{repeated[0]}' occurs more than once")
    for line, cells in rows:
        if len(cells) < width or (leading is None and len(cells) > width):
            raise UserError(f"{origin}, line {line}: {len(cells)} fields where the header has {len(header[1])}")
    index = [line for line, _ in rows]
    return pd.DataFrame([cells[:width] for _, cells in rows], index=index, columns=columns, dtype="str")


def require_columns(table: pd.DataFrame, columns: Iterable[str], origin: str) -> None:
    """Raise UserError for the first of ``columns`` that ``table`` lacks."""
    found = [str(name) for name in table.columns]
    for column in columns:
        if column not in found:
            near = did_you_mean(column, found)
            raise UserError(f"{origin}: no column '{column}'{near}; found: {', '.join(found)}")


def _lines(data: bytes, origin: str) -> list[tuple[int, list[str]]]:
    """Return line number and stripped cells of every line that is not blank."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{origin}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    if not text.strip():
        raise UserError(f"{origin}: empty; it needs a header and a row for each image")
    header = text.lstrip().splitlines()[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=header.count))
    try:
        return [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(cells)]
    except csv.Error as error:
        raise UserError(f"{origin}, line {reader.line_num}: {error}") from error
