"""X-rays and weights as params.yaml names them: there, to come, missing, broken."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from thaw.health.data import check_dataset, check_params, check_weights, torch_cache
from thaw.health.finding import ok
from thaw.params.dataset import DatasetParams
from thaw.params.read import read_params

ROOT = Path(__file__).parents[2]
Check = Callable[..., Any]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """What is found in the test's folder with these values under dataset."""
    base: DatasetParams = read_params("dataset", path=ROOT / "params.yaml").dataset
    return lambda **changes: check_dataset(base.model_copy(update=changes), tmp_path)


def test_parameters_are_valid_or_named_in_one_line(tmp_path: Path) -> None:
    assert check_params(ROOT).kind == "ok"
    assert check_params(tmp_path).what == f"{tmp_path}/params.yaml is missing; run this in the folder that holds it"
    text = (ROOT / "params.yaml").read_text().replace("clip_norm: null", "clip_norm: -1")
    (tmp_path / "params.yaml").write_text(text)
    found = check_params(tmp_path)
    assert found.kind == "problem"
    assert found.what.startswith("params.yaml: train.clip_norm")


def test_a_folder_and_archives_are_told_apart(check: Check, pack: Callable[..., Path]) -> None:
    files = {"a/1.png": b"", "b/2.png": b""}
    assert check(name="folder", path=str(pack("folder", files))).what.endswith("set.folder, a folder of 2 entries")
    for kind in ("zip", "tar", "tar.gz"):
        assert check(name="nih", path=str(pack(kind, files))).what.endswith(f"set.{kind}, an archive of 0.0 GiB")


def test_what_is_drawn_or_fetched_may_be_missing(check: Check, tmp_path: Path) -> None:
    assert check(path="data/raw/phantom") == ok("dataset.path: data/raw/phantom: nothing yet; dvc repro draws it")
    fetched = check(name="nih", path="data/raw/nih", download="nih")
    assert fetched == ok("dataset.path: data/raw/nih: nothing yet; dvc repro fetches it")
    (tmp_path / "data/raw/nih").mkdir(parents=True)
    assert check(name="nih", path="data/raw/nih", download="nih") == fetched
    elsewhere = check(name="nih", path="/data/no/such/place", download="nih")
    assert (elsewhere.kind, elsewhere.mend) == ("problem", "dvc exp run -S dataset.path=data/raw/nih")


def test_kaggle_needs_its_package(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    monkeypatch.setattr("thaw.health.data.is_installed", lambda name: name != "kagglehub")
    found = check(name="pneumonia", path="data/raw/pneumonia", download="kaggle:a/b")
    assert (found.kind, found.mend) == ("problem", "pip install 'thaw[kaggle]'")


def test_what_is_missing_or_broken_is_a_problem(check: Check, tmp_path: Path) -> None:
    assert check(name="nih", path="data/raw/nih").what == "dataset.path: data/raw/nih: nothing is there"
    (tmp_path / "empty").mkdir()
    assert check(name="folder", path="empty").kind == "problem"
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "cut.tar.gz").write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03cut")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    for name in ("cut.zip", "cut.tar.gz"):
        assert check(name="nih", path=name).what == f"nih: {name} is neither a folder nor a whole archive"
    assert check(name="nih", path="dangling").kind == "problem"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_a_problem(check: Check, tmp_path: Path) -> None:
    (tmp_path / "shut.zip").write_bytes(b"")
    (tmp_path / "shut.zip").chmod(0)
    assert check(name="nih", path="shut.zip").what == "nih: shut.zip cannot be read (Permission denied)"


def test_a_table_needs_its_images(check: Check, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("image,patient,label\n")
    assert check(name="table", path="labels.csv") == ok("table: labels.csv")
    found = check(name="table", path="labels.csv", images="gone")
    assert (found.kind, found.what) == ("problem", "dataset.images: gone is not there")


def test_weights_are_from_a_package_a_file_the_cache_or_to_come(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    weights = dict.fromkeys(("efficientnet_lite0", "efficientnet_b0", "vgg16", "vgg16_bn", "resnet18"), "imagenet")
    weights |= {"resnet34": "none", "resnet50": "mine.pth", "timm/resnet10t": "imagenet"}

    def found(*models: str) -> Any:
        return check_weights(models, weights, tmp_path, cache)

    assert found("efficientnet_lite0", "resnet34") == ok(
        "efficientnet_lite0 from its package; resnet34 begins with random weights"
    )
    missing = found("efficientnet_lite0", "resnet50")
    assert (missing.kind, missing.what) == ("problem", "weights.resnet50: there is no file mine.pth")
    (tmp_path / "mine.pth").touch()
    assert found("resnet50") == ok("resnet50 from mine.pth")
    (cache / "vgg16_bn-6c64b313.pth").touch()
    (cache / "efficientnet_b0_rwightman-7f5810bc.pth").touch()
    (tmp_path / "models/pretrained").mkdir(parents=True)
    (tmp_path / "models/pretrained/resnet18.safetensors").touch()
    assert found("vgg16_bn", "efficientnet_b0", "resnet18").kind == "ok"
    to_come = found("vgg16", "vgg16_bn")
    assert (to_come.kind, to_come.what) == ("warning", "vgg16 is not here yet; dvc repro fetches it")
    assert "timm's site" in found("timm/resnet10t").mend


@pytest.mark.parametrize(
    "changes", [{}, {"XDG_CACHE_HOME": "/caches"}, {"TORCH_HOME": "/torch", "XDG_CACHE_HOME": "/c"}]
)
def test_the_cache_is_that_of_torch(changes: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    assert torch_cache(os.environ) == Path(torch.hub.get_dir(), "checkpoints")
