"""The list of NIH's files."""

from __future__ import annotations

import pytest

from thaw.fetch.nih import NIH_FILES


def test_the_list_is_the_twelve_archives_and_the_table() -> None:
    names = [file.name for file in NIH_FILES]
    assert sorted(names) == [
        "Data_Entry_2017_v2020.csv.gz",
        *(f"images_{number:03d}.tar.gz" for number in range(1, 13)),
    ]
    assert len({file.url for file in NIH_FILES}) == len({file.digest for file in NIH_FILES}) == 13
    assert all(file.url.startswith("https://") for file in NIH_FILES)


def test_the_archives_are_45_gb() -> None:
    sizes = [file.size_bytes for file in NIH_FILES if file.size_bytes is not None]
    assert len(sizes) == 12
    assert sum(sizes) == pytest.approx(45.08e9, rel=1e-4)
