"""What keeps versions: DVC, its cache and remote, and Git."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dvc.config import Config  # type: ignore[import-untyped]
from dvc.exceptions import DvcException  # type: ignore[import-untyped]
from dvc_objects.fs import system

from thaw.health.finding import Finding, counted, ok, problem, warning
from thaw.health.machine import is_installed

LINKS = ("reflink", "hardlink", "symlink", "copy")
# schemes of remotes, and the plugins of DVC that speak them
PLUGINS = {
    "azure": "dvc_azure", "gdrive": "dvc_gdrive", "gs": "dvc_gs", "hdfs": "dvc_hdfs", "oss": "dvc_oss", "s3": "dvc_s3",
    "ssh": "dvc_ssh", "webdav": "dvc_webdav", "webdavs": "dvc_webdav", "webhdfs": "dvc_webhdfs",
}  # fmt: skip
CONFLICTS = ("DD", "AU", "UD", "UA", "DU", "AA", "UU")  # git help status
COMMIT = "git add -A && git commit -m start"


def read_config(folder: Path) -> dict[str, Any] | None:
    """DVC's configuration as its commands see it, all levels joined; None where it cannot be read."""
    if not (folder / ".dvc").is_dir():
        return None
    try:
        config: dict[str, Any] = Config(str(folder / ".dvc"))
    except DvcException:
        return None
    return config


def check_dvc(folder: Path, config: Mapping[str, Any] | None) -> Finding:
    """Whether DVC can run the pipeline here."""
    if missing := [name for name in (".dvc", "dvc.yaml") if not (folder / name).exists()]:
        return problem(
            f"no {' and no '.join(missing)} here", "run this in the folder of thaw's repository; git clone it"
        )
    if config is None:
        return problem(".dvc/config cannot be read", "git checkout .dvc/config; look into .dvc/config.local")
    if shutil.which("dvc") is None:
        return problem("the command dvc is not found", ". .venv/bin/activate")
    return ok(f"DVC {importlib.metadata.version('dvc')}")


def check_cache(folder: Path, config: Mapping[str, Any]) -> Finding:
    """How results get into DVC's cache: the first of ``cache.type`` that this disk has."""
    asked: Sequence[str] = config["cache"].get("type") or ("reflink", "copy")
    cache = Path(config["cache"].get("dir") or folder / ".dvc/cache")
    there = next(place for place in (cache, *cache.parents) if place.is_dir())
    try:
        with tempfile.TemporaryDirectory(dir=there) as source, tempfile.TemporaryDirectory(dir=folder) as target:
            found = next((link for link in asked if _links(link, Path(source), Path(target))), None)
    except OSError as error:
        return problem(f"DVC's cache {cache} cannot be written to ({error.strerror})", "dvc cache dir <folder>")
    told = "dvc config cache.type reflink,copy"
    if found is None:
        return problem(f"cache.type is {', '.join(asked)}, and this disk has none of them", told)
    if found == "copy":
        return ok("copies: kept results take their room twice, as this disk has no reflinks")
    if found == "reflink":
        return ok("reflinks: kept results take their room once")
    return warning(f"{found}s: who writes into a result writes into the cache", told)


def _links(link: str, source: Path, target: Path) -> bool:
    """Whether a file in ``source`` can be linked from ``target``."""
    original, made = source / "original", target / link
    original.write_bytes(b"thaw")
    try:
        match link:
            case "reflink":
                system.reflink(str(original), str(made))  # type: ignore[no-untyped-call]
            case "hardlink":
                made.hardlink_to(original)
            case "symlink":
                made.symlink_to(original)
    except OSError:
        return False
    return True


def check_remote(config: Mapping[str, Any]) -> Finding:
    """Whether results can be sent elsewhere; remotes on the network are not contacted."""
    remotes, default = config["remote"], config["core"].get("remote")
    if not remotes:
        return warning("no DVC remote: results are on this disk alone", "dvc remote add -d storage <folder or address>")
    told = f"dvc remote default {next(iter(remotes))}"
    if default is None:
        return warning(f"no default among the remotes {', '.join(remotes)}", told)
    if default not in remotes:
        return problem(f"the default remote {default} is not defined", told)
    address = str(remotes[default].get("url", ""))
    scheme, separator, _ = address.partition("://")
    if not separator:
        return _check_folder(default, Path(address))
    plugin = PLUGINS.get(scheme)
    if plugin is not None and not is_installed(plugin):
        return problem(f"remote {default} ({scheme}): its plugin is missing", f"pip install {plugin.replace('_', '-')}")
    return ok(f"remote {default} ({scheme}); not contacted, dvc status --cloud does it")


def _check_folder(name: str, place: Path) -> Finding:
    if not place.is_dir():
        return warning(f"remote {name}: {place} is not there", f"mount its disk, or mkdir -p '{place}'")
    if not os.access(place, os.W_OK):
        return warning(f"remote {name}: {place} cannot be written to", f"chmod u+w '{place}', to push")
    return ok(f"remote {name}: {place}")


def check_git(folder: Path) -> Finding:
    """Whether Git is there, and how far the folder is from its last commit."""
    if shutil.which("git") is None:
        return problem("the command git is not found", "install git; DVC needs it")
    command = ["git", "-C", str(folder), "status", "--porcelain", "--branch"]
    plain = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, env=plain, capture_output=True, text=True, check=False)
    if done.returncode:
        return problem(done.stderr.strip().partition("\n")[0], _mend_git(done.stderr, folder))
    branch, *changed = done.stdout.splitlines()
    if conflicts := [line[3:] for line in changed if line[:2] in CONFLICTS]:
        mend = "git checkout --ours dvc.lock, then dvc repro" if "dvc.lock" in conflicts else "git mergetool"
        return problem(f"a merge is not finished: {', '.join(conflicts[:3])}", mend)
    if branch.startswith("## No commits yet"):
        return warning("no commit yet, and dvc exp run needs one", COMMIT)
    return ok(f"{counted(len(changed), 'file')} not as in the last commit" if changed else "all is committed")


def _mend_git(message: str, folder: Path) -> str:
    if "dubious ownership" in message:
        return f"git config --global --add safe.directory '{folder.resolve()}'"
    return f"git init && {COMMIT}"
