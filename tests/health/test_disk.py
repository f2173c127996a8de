"""Room and permission to write."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from thaw.fetch.nih import NIH_FILES
from thaw.health.disk import check_disk, check_writable, free_bytes
from thaw.health.finding import GIB, ok
from thaw.params.dataset import DatasetParams
from thaw.params.read import read_params

ROOT = Path(__file__).parents[2]
NIH_BYTES = sum(file.size_bytes or 0 for file in NIH_FILES)


@pytest.fixture
def nih() -> DatasetParams:
    dataset: DatasetParams = read_params("dataset", path=ROOT / "params.yaml").dataset
    return dataset.model_copy(update={"name": "nih", "path": "data/raw/nih", "download": "nih"})


@pytest.mark.parametrize(("free", "kind"), [(5.1, "ok"), (4.9, "warning"), (1.1, "warning"), (0.9, "problem")])
def test_little_room_is_a_warning_and_none_a_problem(free: float, kind: str, tmp_path: Path) -> None:
    assert check_disk(None, tmp_path, round(free * GIB)).kind == kind


def test_what_is_to_be_downloaded_counts_until_it_is_there(nih: DatasetParams, tmp_path: Path) -> None:
    found = check_disk(nih, tmp_path, 40 * GIB)
    assert found.kind == "problem"
    assert found.what.endswith(f"NIH's archives are to come, {NIH_BYTES / GIB:.1f} GiB")
    assert check_disk(nih, tmp_path, NIH_BYTES + 6 * GIB).kind == "ok"
    (tmp_path / "data/raw/nih").mkdir(parents=True)
    for file in NIH_FILES:
        (tmp_path / "data/raw/nih" / file.name).touch()
    assert check_disk(nih, tmp_path, 40 * GIB).kind == "ok"


def test_results_are_counted_and_raw_x_rays_are_not(tmp_path: Path) -> None:
    for name in ("data/raw/phantom/a.png", "data/images.npy", "models/a/weights.safetensors", ".dvc/cache/files/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        with (tmp_path / name).open("wb") as file:
            file.truncate(2 * GIB)  # takes no room
    assert check_disk(None, tmp_path, 9 * GIB) == ok("9.0 GiB free; results and DVC's cache take 6.0 GiB")


def test_free_room_is_that_of_the_disk(tmp_path: Path) -> None:
    assert abs(free_bytes(tmp_path) - shutil.disk_usage(tmp_path).free) < GIB


def test_folders_that_can_be_written_to_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert check_writable(tmp_path) == ok("data, models, reports and .dvc can be written to")
    assert [path.name for path in tmp_path.rglob("*")] == ["data"]


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    (tmp_path / "models").symlink_to(tmp_path / "gone")
    found = check_writable(tmp_path)
    assert (found.kind, found.what) == ("problem", "data is no folder; models is no folder")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_named(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir(mode=0o500)
    assert check_writable(tmp_path).what == "reports: Permission denied"
