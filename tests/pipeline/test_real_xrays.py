"""A small part of two real sets through the true pipeline, where the optional real data is at hand."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from .conftest import MODEL, REPOSITORY, Project, cells

SHARED = Path(os.environ.get("THAW_SHARED", REPOSITORY.parent / "shared"))
PNEUMONIA = SHARED / "data/chest_xray_pneumonia/chest_xray.zip"
NIH = SHARED / "data/nih_chestxray14/nih_sample.tar"
TWO = ["frozen", "full", "full"]

pytestmark = [
    pytest.mark.pipeline,
    pytest.mark.skipif(not (PNEUMONIA.is_file() and NIH.is_file()), reason="THAW_SHARED has no real X-rays"),
]


def part_of_zip(source: Path, target: Path, every: int) -> int:
    """Copy every n-th picture of an archive into a smaller one of the same layout."""
    with zipfile.ZipFile(source) as whole, zipfile.ZipFile(target, "w") as part:
        names = sorted(name for name in whole.namelist() if name.endswith(".jpeg"))[::every]
        for name in names:
            part.writestr(name, whole.read(name))
    return len(names)


def part_of_tar(source: Path, target: Path, every: int) -> int:
    """Copy every n-th picture and all tables of an archive into a smaller one of the same layout."""
    with tarfile.open(source) as whole, tarfile.open(target, "w") as part:
        members = sorted((member for member in whole if member.isfile()), key=lambda member: member.name)
        pictures = [member for member in members if member.name.endswith(".png")][::every]
        for member in [*pictures, *(member for member in members if not member.name.endswith(".png"))]:
            content = whole.extractfile(member)
            assert content is not None
            part.addfile(member, io.BytesIO(content.read()))
    return len(pictures)


def assert_sound(project: Project, images: int) -> None:
    """Nothing was left out of the set, and no patient is on two sides."""
    assert pd.read_csv(project.folder / "reports/quality.csv").query("action == 'quarantined'").empty
    split = pd.read_csv(project.folder / "data/split.csv", dtype=str)
    assert len(split) == images
    assert (split.groupby("patient")["split"].nunique() == 1).all()


def test_real_children_with_pneumonia(new_project: Callable[..., Project], tmp_path: Path) -> None:
    images = part_of_zip(PNEUMONIA, tmp_path / "chest_xray.zip", every=20)
    path = str(tmp_path / "chest_xray.zip")
    project = new_project(dataset__name="pneumonia", dataset__path=path, compared=TWO)
    project.repro()
    assert_sound(project, images)
    table = pd.read_csv(project.folder / "reports/comparison.csv")
    assert set(table["strategy"]) == {"frozen", "full"}
    assert table["auroc_macro"].between(0, 1).all()
    assert "Not a medical device" in (project.folder / "reports/report.html").read_text()
    metrics = project.json(f"reports/evaluate/{MODEL}/full/0/details.json")["metrics"]
    assert set(metrics["confusion"]) == {"NORMAL", "PNEUMONIA"}
    # even a glance of one epoch at 64 pixels tells these apart better than chance
    assert metrics["auroc_macro"] > 0.6
    assert "synthetic" not in (project.folder / "reports/comparison.md").read_text()


def test_real_adults_of_nih(new_project: Callable[..., Project], tmp_path: Path) -> None:
    images = part_of_tar(NIH, tmp_path / "nih.tar", every=8)
    project = new_project(dataset__name="nih", dataset__path=str(tmp_path / "nih.tar"))
    project.repro("inspect", *cells("evaluate", "full"))
    assert_sound(project, images)
    assert 0 <= project.json(f"reports/evaluate/{MODEL}/full/0/metrics.json")["auroc_macro"] <= 1
    assert len(project.json("data/dataset.json")["classes"]) == 14


def test_the_own_split_of_the_pneumonia_set_is_offered_with_a_warning(
    new_project: Callable[..., Project], tmp_path: Path
) -> None:
    part_of_zip(PNEUMONIA, tmp_path / "chest_xray.zip", every=4)
    changes = {"dataset__name": "pneumonia", "dataset__path": str(tmp_path / "chest_xray.zip")}
    project = new_project(**changes, split__by="dataset")
    done = project.run("dvc", "repro", "split")
    split = pd.read_csv(project.folder / "data/split.csv", dtype=str)
    crossing = (split.groupby("patient")["split"].nunique() > 1).sum()
    assert crossing > 0
    assert f"warning: {crossing} patients are in more than one split" in done.stderr
