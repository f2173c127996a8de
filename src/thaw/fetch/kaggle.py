"""A dataset of Kaggle's, fetched whole with kagglehub, Kaggle's own client."""

from __future__ import annotations

import importlib
import re
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import requests

from thaw.errors import UserError
from thaw.files import replacing

HANDLE = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*(/versions/[1-9][0-9]*)?")
MARKER = ".kaggle"  # a dot file: no reader takes it for a part of the dataset
ACCOUNT = (
    "give a login (the environment variable KAGGLE_API_TOKEN, the file ~/.kaggle/kaggle.json, or kagglehub.login() "
    "once in Python), and accept the dataset's terms on its page in a browser where it has some"
)
ELSEWHERE = "fetch it elsewhere and give its path as dataset.path"
MEANING = {
    401: f"Kaggle does not accept the login, or wants one; {ACCOUNT}",
    403: f"Kaggle refuses it without a login that may see it; {ACCOUNT}",
    404: "Kaggle has no such dataset or version; compare it with the address of the dataset's page",
}


def fetch_kaggle(handle: str, folder: Path) -> Path:
    """Fetch and unpack a dataset; do nothing where ``folder`` holds it already.

    An interrupted download starts again from its first byte.

    Args:
        handle: ``<owner>/<dataset>``, or ``<owner>/<dataset>/versions/<number>``.
        folder: Becomes the dataset's folder, with a file ``.kaggle`` that holds the handle.

    Returns:
        ``folder``.

    Raises:
        UserError: kagglehub is not installed, the handle is none, Kaggle wants a login or refuses, or the network or
            the disk fails; or ``folder`` holds something that was not fetched from Kaggle.
    """
    if not HANDLE.fullmatch(handle):
        raise UserError(
            f"kaggle:{handle}: not a dataset; allowed: <owner>/<dataset>, with /versions/<number> or without"
        )
    if _holds(folder) == handle:
        return folder
    kagglehub = _kagglehub()
    try:
        with replacing(folder) as part:
            _download(kagglehub, handle, part)
            (part / MARKER).write_text(handle, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{error.filename or folder}: cannot be written ({error.strerror or error})") from error
    return folder


def _holds(folder: Path) -> str | None:
    """Return the handle of the dataset in ``folder``; refuse a folder of the user's own."""
    marker = folder / MARKER
    if marker.is_file():
        return marker.read_text(encoding="utf-8")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            f"{folder}: holds files that were not fetched from Kaggle; move them away, or use them as they are"
        )
    return None


def _kagglehub() -> ModuleType:
    try:
        return importlib.import_module("kagglehub")
    except ImportError:
        raise UserError(f"to fetch from Kaggle: pip install 'thaw[kaggle]'; or {ELSEWHERE}") from None


def _download(kagglehub: ModuleType, handle: str, part: Path) -> None:
    exceptions = kagglehub.exceptions
    try:
        kagglehub.config.get_kaggle_credentials()
    except ValueError as error:
        raise UserError(f"{_line(error)}; get another one from Kaggle's settings, or remove it") from error
    try:
        there = Path(kagglehub.dataset_download(handle, output_dir=str(part)))
    except requests.HTTPError as error:
        raise UserError(f"kaggle:{handle}: {_meaning(error)}") from error
    except (exceptions.UnauthenticatedError, exceptions.CredentialError) as error:
        raise UserError(f"kaggle:{handle}: {MEANING[401]}") from error
    except (requests.RequestException, exceptions.BackendError, exceptions.DataCorruptionError) as error:
        raise UserError(
            f"kaggle:{handle}: cannot be fetched ({_line(error)}); run again later, or {ELSEWHERE}"
        ) from error
    except (zipfile.BadZipFile, tarfile.TarError, ValueError) as error:
        raise UserError(f"kaggle:{handle}: what comes is no archive ({_line(error)}); {ELSEWHERE}") from error
    if there.resolve() != part.resolve():
        raise UserError(f"kaggle:{handle}: this machine has the dataset at {there}; give that as dataset.path")


def _meaning(error: requests.HTTPError) -> str:
    status = error.response.status_code if error.response is not None else None
    known = MEANING.get(status) if status is not None else None
    return known or f"cannot be fetched ({_line(error)}); run again later, or {ELSEWHERE}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
