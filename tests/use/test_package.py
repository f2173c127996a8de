from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

import thaw
from tests.use.made import CROPS, PAGES, SIZE_PX, Project
from thaw.caveats import RESEARCH_ONLY
from thaw.errors import UserError
from thaw.use.package import PRINCIPAL, read_package

NEEDED = "weights.safetensors, no model.json, no rule.json, no reference.npz"


@pytest.fixture
def folder(multilabel: Project, tmp_path: Path) -> Path:
    """A copy that may be broken."""
    return shutil.copytree(multilabel.package, tmp_path / "model")


def test_a_package_says_what_predictions_need(project: Project) -> None:
    package = read_package(project.package)
    assert (package.size_px, package.crop_from_px) == (SIZE_PX, CROPS[project.task])
    assert (package.classes, package.task) == (tuple(project.classes), project.task)
    assert package.description["thaw"] == "1.2.3"
    assert sorted(path.name for path in project.package.iterdir()) == sorted(
        ["weights.safetensors", "model.json", "rule.json", "reference.npz", *PAGES]
    )
    assert (project.package / "README.md").read_text() == PAGES["README.md"]


def test_what_users_must_be_told(multilabel: Project, multiclass: Project) -> None:
    assert read_package(multiclass.package).notices == (RESEARCH_ONLY,)
    assert read_package(multilabel.package).notices == (
        RESEARCH_ONLY,
        "Trained on synthetic pictures (Made up): it has never seen an X-ray.",
    )


def test_the_principal_sets_are_those_that_evaluation_names_first(project: Project) -> None:
    details = json.loads((project.folder / "reports/evaluate/resnet18/frozen/0/details.json").read_text())
    assert next(iter(details["conformal"])) == PRINCIPAL[project.task]


def test_a_folder_that_is_not_there_is_told_with_the_nearest(
    multilabel: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(multilabel.folder)
    with pytest.raises(UserError) as caught:
        thaw.load("models/resnet18/frosen/0")
    assert str(caught.value) == (
        "models/resnet18/frosen/0: no such folder; give a model's, as dvc repro writes it below models "
        "(did you mean 'models/resnet18/frozen/0'?)"
    )


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("data", f"data is no model's folder: it has no {NEEDED}; run dvc repro to make one"),
        (
            "models/trained/resnet18/frozen/0",
            "models/trained/resnet18/frozen/0 is no model's folder: it has no rule.json, no reference.npz; run dvc "
            "repro to make one (did you mean 'models/resnet18/frozen/0'?)",
        ),
        (
            "models/resnet18",
            f"models/resnet18 is no model's folder: it has no {NEEDED}; run dvc repro to make one "
            "(did you mean 'models/resnet18/frozen/0'?)",
        ),
    ],
)
def test_another_folder_is_told(
    multilabel: Project, monkeypatch: pytest.MonkeyPatch, path: str, message: str
) -> None:  # fmt: skip
    monkeypatch.chdir(multilabel.folder)
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        thaw.load(path)


@pytest.mark.parametrize("name", ["model.json", "rule.json", "reference.npz", "weights.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{}", b"\x00\xff" * 40])
def test_a_damaged_file_is_one_line(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=r"damaged \(.*\); copy it again or run dvc repro$"):
        thaw.load(folder)


def test_a_truncated_reference_is_one_line(folder: Path) -> None:
    data = (folder / "reference.npz").read_bytes()
    (folder / "reference.npz").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match="damaged"):
        thaw.load(folder)


def test_files_of_different_models_are_told(folder: Path, multiclass: Project) -> None:
    shutil.copy(multiclass.package / "model.json", folder)
    with pytest.raises(UserError, match=r"damaged \(.*\)"):
        thaw.load(folder)
