"""The command: what it refuses in one line, where it writes, and that nothing is left of what failed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.handover.made import write_made_package
from thaw.commands import export
from thaw.commands.export import default_target, main
from thaw.errors import UserError
from thaw.handover import agreement

SMALL = "timm/test_resnet"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder with one read-only file, as DVC's links are."""
    folder = tmp_path_factory.mktemp("project") / "models/timm/test_resnet/progressive/0"
    write_made_package(folder, SMALL)
    (folder / "rule.json").chmod(0o444)
    return folder


@pytest.fixture
def project(package: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project that the model's folder lies in."""
    folder = package.parents[4]
    monkeypatch.chdir(folder)
    return folder


def refuse(line: str, *arguments: str) -> None:
    with pytest.raises(UserError, match=re.escape(line)) as caught:
        main(arguments)
    assert "\n" not in str(caught.value)


def test_it_writes_below_models_export_over_an_earlier_export(
    project: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = project / "models/export/timm/test_resnet/progressive/0"
    target.mkdir(parents=True)
    for name in ("model.json", "model.pt2", "model.onnx"):
        (target / name).write_text("earlier")
    main([package.relative_to(project).as_posix(), "--format", "torch"])
    assert {path.name for path in target.iterdir()} == {path.name for path in package.iterdir()} | {"model.pt2"}
    assert [path.name for path in target.parent.iterdir()] == ["0"]
    assert (target / "model.json").read_bytes() == (package / "model.json").read_bytes()
    assert (target / "rule.json").stat().st_mode & 0o200
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Written: models/export/timm/test_resnet/progressive/0"
    assert re.fullmatch(r"  model\.pt2 +\d+\.\d MiB  logits equal to torch's, 1 and 3 images at once", said[1])


def test_a_model_of_elsewhere_is_named_by_what_it_says_of_itself(tmp_path: Path) -> None:
    description = {"model": "timm/test_vit", "strategy": "full", "seed": 3}
    assert default_target(tmp_path, description) == Path("models/export/timm/test_vit/full/3")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--format", "torch", "--int8"], "--int8 is a kind of ONNX file; use --format onnx or both"),
        (["--calibrate", "."], "--calibrate is for --int8; add that, or leave it out"),
        (["--int8", "--calibrate", "nowhere"], "nowhere: no such file or folder"),
        (["--int8", "--calibrate", "models"], "--calibrate models: pictures that can be read: 0; give 2 at least"),
        (["--to", "."], "--to .: not the model's own folder, nor above or in it; name another"),
        (["--to", "models/timm/test_resnet/progressive/0/x"], "not the model's own folder, nor above or in it"),
        (["--to", "full"], "--to full: holds something else than an earlier export; name a new folder"),
        (["--to", "file"], "--to file: is a file; name a folder"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(project: Path, package: Path, options: list[str], line: str) -> None:
    (project / "full").mkdir(exist_ok=True)
    (project / "full/keep").touch()
    (project / "file").touch()
    refuse(line, str(package), *options)
    assert (project / "full/keep").is_file()


def test_no_model_is_refused(project: Path) -> None:
    refuse("full is no model's folder", "full")


def test_missing_packages_are_named(project: Path, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "find_spec", lambda name: None if name.startswith("onnxs") else object())
    refuse("ONNX needs onnxscript, not installed here: pip install 'thaw[export]', or use --format torch", str(package))


def test_a_file_that_disagrees_is_not_kept(project: Path, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "TOLERANCE", -1.0)
    refuse("nothing was written", str(package), "--to", "other", "--format", "torch")
    assert not list(project.glob("*other*"))


@pytest.mark.pipeline
def test_dense_networks_want_no_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_made_package(tmp_path / "package", "timm/test_vit", size_px=160)
    main([str(tmp_path / "package"), "--to", str(tmp_path / "made"), "--format", "onnx", "--int8"])
    assert capsys.readouterr().out.splitlines()[-1].endswith("(16 images of noise)")
    sizes = [(tmp_path / "made" / name).stat().st_size for name in ("model.int8.onnx", "model.onnx")]
    assert sizes[0] < 0.7 * sizes[1]
