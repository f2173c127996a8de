"""python -m thaw export: a trained model for use without thaw, beside everything else that its folder holds.

  model.onnx       onnxruntime and others read it; what is done to a picture before it, the classes, the calibration and
                   the thresholds are in its metadata
  model.int8.onnx  the same in 8-bit numbers: a quarter of the size, less exact (--int8)
  model.pt2        torch.export: torch reads it (TorchScript is deprecated in torch, and so not written)
  predict_onnx.py  a short program that reads an X-ray and prints probabilities, with model.onnx

Every file is compared with the network in torch before it is kept. They compute in fp32, also where thaw itself does in
bf16 or fp16, so that probabilities may differ a little from its own.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.errors import UserError
from thaw.files import replacing
from thaw.handover import torch_file
from thaw.handover.agreement import BATCHES, DisagreementError
from thaw.handover.pictures import read_pictures
from thaw.training.saved import load_model
from thaw.use.package import DESCRIPTION, MODELS, Package, read_package

ONNX_PACKAGES = ("onnx", "onnxruntime", "onnxscript")
SCRIPT = "predict_onnx.py"
FOLDER = MODELS / "export"
MIB = 2**20


def main(arguments: Sequence[str]) -> None:
    """Export, and print what was written."""
    given = _parser().parse_args(arguments)
    _check_options(given)
    source = Path(given.model)
    package = read_package(source)
    target = Path(given.to) if given.to else default_target(source, package.description)
    _check_target(source, target)
    pictures = None
    if given.calibrate:
        pictures = read_pictures(Path(given.calibrate), package.size_px, package.crop_from_px)
    try:
        with replacing(target.resolve()) as folder:
            copy_package(source, folder)
            lines = list(write_files(folder, package, given.format, given.int8, pictures))
    except DisagreementError as error:
        raise UserError(f"{source}: {error}; nothing was written") from None
    print("\n".join([f"Written: {target}", *lines]))


def write_files(
    folder: Path, package: Package, chosen: str, int8: bool, pictures: NDArray[np.float32] | None
) -> Iterator[str]:
    """Write the network into ``folder`` in the forms that are asked for; yields a line about each.

    Args:
        folder: where to.
        package: the model.
        chosen: ``onnx``, ``torch`` or ``both``.
        int8: whether to write ONNX in 8 bits too.
        pictures: see ``thaw.handover.int8_file``.

    Raises:
        DisagreementError: a file's logits are not those of torch.
        UserError: the network cannot be written like this.
    """
    classifier, _ = load_model(package.folder)
    torch_file.as_exported(classifier)
    program = torch_file.capture(classifier, package.size_px)
    if chosen != "onnx":
        path = folder / torch_file.FILE
        yield _line(path, _agrees(torch_file.write_torch(path, program, classifier, package.size_px)))
    if chosen != "torch":
        from thaw.handover import onnx_file

        path, use = folder / onnx_file.FILE, onnx_file.usage(package)
        yield _line(path, _agrees(onnx_file.write_onnx(path, program, classifier, package.size_px, use)))
        shutil.copyfile(_script_path(), folder / SCRIPT)
        if int8:
            yield write_int8(folder, path, package, pictures, use)


def write_int8(
    folder: Path, source: Path, package: Package, pictures: NDArray[np.float32] | None, use: Mapping[str, Any]
) -> str:
    """Write the 8-bit file; gives the line about it."""
    from thaw.handover import int8_file

    path = folder / int8_file.FILE
    apart = int8_file.write_int8(path, source, pictures, package.rule, use)
    on = "images of noise" if apart.noise else "pictures of the folder that the ranges were not taken from"
    how = f"probabilities differ from fp32's by at most {apart.largest:.4f}, {apart.mean:.4f} on average"
    return _line(path, f"{how} ({apart.images} {on})")


def copy_package(source: Path, folder: Path) -> None:
    """Copy a model's folder; what is read-only there, as DVC may leave it, is not here."""
    shutil.copytree(source, folder, copy_function=shutil.copyfile)


def default_target(source: Path, description: Mapping[str, Any]) -> Path:
    """``models/export/`` and the model's folder below ``models``; elsewhere backbone, strategy and seed."""
    below = source.resolve()
    if below.is_relative_to(MODELS.resolve()):
        return FOLDER / below.relative_to(MODELS.resolve())
    return FOLDER.joinpath(*(str(description[name]) for name in ("model", "strategy", "seed")))


def _script_path() -> Path:
    """Where the program lies that needs no thaw."""
    return Path(__file__).parents[1] / "handover" / SCRIPT


def _check_options(given: argparse.Namespace) -> None:
    if given.int8 and given.format == "torch":
        raise UserError("--int8 is a kind of ONNX file; use --format onnx or both")
    if given.calibrate and not given.int8:
        raise UserError("--calibrate is for --int8; add that, or leave it out")
    missing = [name for name in ONNX_PACKAGES if find_spec(name) is None]
    if missing and given.format != "torch":
        raise UserError(
            f"ONNX needs {', '.join(missing)}, not installed here: pip install 'thaw[export]', or use --format torch"
        )


def _check_target(source: Path, target: Path) -> None:
    """A folder is replaced only where it is an earlier export."""
    here, there = source.resolve(), target.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise UserError(f"--to {target}: not the model's own folder, nor above or in it; name another")
    if target.is_dir():
        files = {path.name for path in target.iterdir()}
        if files and not (DESCRIPTION in files and files & {torch_file.FILE, SCRIPT}):
            raise UserError(f"--to {target}: holds something else than an earlier export; name a new folder")
    elif target.exists():
        raise UserError(f"--to {target}: is a file; name a folder")


def _agrees(difference: float) -> str:
    batches = " and ".join(map(str, BATCHES))
    near = f"within {difference:.0e} of" if difference else "equal to"
    return f"logits {near} torch's, {batches} images at once"


def _line(path: Path, said: str) -> str:
    return f"  {path.name:<16}{path.stat().st_size / MIB:8.1f} MiB  {said}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m thaw export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", metavar="MODEL", help="a trained model's folder, such as models/resnet18/full/0")
    parser.add_argument("--to", metavar="FOLDER", help=f"where to; {FOLDER}/<backbone>/<strategy>/<seed> if left out")
    parser.add_argument("--format", choices=("onnx", "torch", "both"), default="both", help="both if left out")
    parser.add_argument("--int8", action="store_true", help="ONNX in 8-bit numbers too")
    parser.add_argument("--calibrate", metavar="FOLDER", help="X-rays from which --int8 takes its ranges")
    return parser
