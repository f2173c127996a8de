"""The other benchmarks, on as little as shows that they measure what they say."""

from __future__ import annotations

import mmap
import os
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.archives import shares
from bench.full_scale import digest, fetch_anew, remote_files, served, timed_row
from bench.measure import Spread
from bench.memory import row
from bench.pictures import bare_decode, write_grainy, write_tiny
from bench.resident import Memory, held, peak_memory
from bench.scale import growth, prepare_cells, split_and_describe, tiny_dataset, train_cells
from thaw.errors import UserError
from thaw.params.read import read_params
from thaw.prepared import load_prepared

LINUX = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="only Linux tells")
MIB = 2**20


def test_growth_is_time_of_one_against_the_smallest_number() -> None:
    times = [Spread((1.0, 1.0, 2.0)), Spread((20.0, 10.0, 20.0))]
    assert growth("split", [100, 1000], times) == [
        ["split", "100", "1.00 (1.00 to 1.00)", "1.00 (1.00 to 2.00)", "10.000 (10.000 to 20.000)"],
        ["split", "1,000", "1.00 (1.00 to 2.00)", "20.00 (10.00 to 20.00)", "20.000 (10.000 to 20.000)"],
    ]


def test_the_set_for_labels_has_two_classes_and_two_images_a_patient(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path, 30)()
    assert dataset.classes == ("normal", "pneumonia")
    assert len(dataset.table) == 30
    assert dataset.table["patient"].value_counts().tolist() == [2] * 15
    assert int(dataset.table["normal"].sum()) == 10
    split_and_describe(dataset.table)


def test_cells_are_prepared_as_the_stages_before_train_leave_them(tmp_path: Path) -> None:
    prepare_cells(tmp_path / "cells", 2)
    data = load_prepared(tmp_path / "cells/data")
    assert (len(data.examples("train")), len(data.examples("val"))) == (48, 16)
    params = read_params("strategies.s0", "strategies.s1", path=tmp_path / "cells/params.yaml")
    assert params.strategies["s0"] == params.strategies["s1"]


@pytest.mark.pipeline
def test_strategies_are_trained_by_the_stage(tmp_path: Path) -> None:
    prepare_cells(tmp_path / "cells", 2)
    train_cells(tmp_path / "cells", 1)
    assert [path.parts[-3:-1] for path in (tmp_path / "cells/models").rglob("model.json")] == [("s0", "0")]


def test_pictures_to_decode_are_large_different_and_valid(tmp_path: Path) -> None:
    names = write_grainy(tmp_path / "grainy", 2)
    paths = [tmp_path / "grainy" / name for name in names]
    assert all(200_000 < path.stat().st_size < 800_000 for path in paths)
    assert paths[0].read_bytes() != paths[1].read_bytes()
    with Image.open(paths[0]) as picture:
        assert (picture.size, picture.mode) == ((1024, 1024), "L")
    bare_decode([str(path) for path in paths])
    write_tiny(tmp_path / "tiny", ["a.png", "b.png"])
    (tmp_path / "none.png").write_text("none")
    with pytest.raises(OSError, match="cannot identify"):
        bare_decode([str(tmp_path / "none.png")])


def test_archives_share_all_images() -> None:
    found = list(shares(5000))
    assert len(found) == 12
    assert sum(share for _, share in found) == 5000
    assert [start for start, _ in found] == list(np.cumsum([0, *(share for _, share in found[:-1])]))


def test_a_folder_is_served_and_fetched_with_its_hashes(tmp_path: Path) -> None:
    folder = tmp_path / "archives"
    folder.mkdir()
    paths = [folder / "a.tar.gz", folder / "b.tar.gz"]
    for path in paths:
        path.write_bytes(path.name.encode() * 1000)
    with served(folder) as address:
        with urllib.request.urlopen(f"{address}/a.tar.gz") as answer:
            assert answer.read() == paths[0].read_bytes()
        files = remote_files(address, paths)
        fetch_anew(files, tmp_path)
        paths[0].write_bytes(b"other" * 1600)
        with pytest.raises(UserError):
            fetch_anew(files, tmp_path)
    assert files[1].name == "b.tar.gz"
    assert digest(paths[1]) in str(files[1])


def test_a_time_without_a_goal_has_no_ratio() -> None:
    times = Spread((5.0, 4.0, 6.0))
    assert timed_row("labels", times, None) == ["labels", "", "", "5.0 (4.0 to 6.0) s"]
    assert timed_row("split", times, 10) == ["split", "0.50 (0.40 to 0.60)", "10: met", "5.0 (4.0 to 6.0) s"]


def test_the_goal_of_memory_is_for_the_programs_own() -> None:
    peaks = [{"own": 1.0, "files": 4.0, "both": 5.0}] * 3
    assert row("training", peaks) == [
        "training", "0.50 (0.50 to 0.50)", "2: met", "1.00 (1.00 to 1.00)", "4.00 (4.00 to 4.00)", "5.00 (5.00 to 5.00)"
    ]  # fmt: skip


def test_a_peak_keeps_the_largest_of_each() -> None:
    peak = Memory(1.0, 2.0, 3.0)
    peak.raise_to(Memory(2.0, 0.5, 2.5))
    assert peak == Memory(2.0, 2.0, 3.0)


@LINUX
def test_own_memory_and_pages_of_files_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "array"
    path.touch()
    os.truncate(path, 64 * MIB)
    before = held()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages:
        assert sum(pages[:: mmap.PAGESIZE]) == 0
        mapped = held()
    # the last look is taken while the pages are still there
    with mmap.mmap(-1, 32 * MIB) as own, peak_memory() as peak:
        own.write(bytes(32 * MIB))
        made = held()
    assert mapped.files - before.files == pytest.approx(64 / 1024, abs=8 / 1024)
    assert mapped.own - before.own == pytest.approx(0, abs=8 / 1024)
    assert made.own - before.own == pytest.approx(32 / 1024, abs=8 / 1024)
    assert peak.own >= made.own - 1 / 1024
