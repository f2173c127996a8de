"""How a prediction is printed."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from thaw.planning.predict import Row, total

UNKNOWN = "not measured"
UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def table(rows: Sequence[Row]) -> str:
    """One line a stage, and the totals."""
    lines = [*map(_cells, rows), {**_cells(total(rows)), "stage": "**all**"}]
    return str(pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True))


def duration(seconds: float) -> str:
    """A time for people.

    >>> [duration(number) for number in (0.42, 9.96, 59.6, 312, 7799, 200_000)]
    ['0.4 s', '10 s', '1 min 0 s', '5 min 12 s', '2 h 10 min', '55 h 33 min']
    """
    whole = round(seconds)
    if whole < 10 and round(seconds, 1) < 10:
        return f"{seconds:.1f} s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def size(count_bytes: float) -> str:
    """An amount of disk for people.

    >>> [size(number) for number in (0, 900, 50_176_128, 21_474_836_480)]
    ['0 bytes', '900 bytes', '48 MiB', '20 GiB']
    """
    unit = 0
    while count_bytes >= 1000 and unit < len(UNITS) - 1:
        count_bytes, unit = count_bytes / 1024, unit + 1
    digits = 1 if count_bytes < 10 and unit else 0
    return f"{count_bytes:.{digits}f} {UNITS[unit]}"


def _cells(row: Row) -> dict[str, str]:
    return {
        "stage": row.stage,
        "time": UNKNOWN if row.seconds is None else duration(row.seconds) if row.seconds else "",
        "disk": size(row.disk_bytes) if row.disk_bytes else "",
        "peak memory": "" if row.memory_gib is None else f"{row.memory_gib:.2f} GiB",
        "there already": "yes" if row.is_there else "",
    }
