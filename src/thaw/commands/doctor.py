"""python -m thaw doctor: is this machine ready for the pipeline, and what is to mend?

A line a subject: ok; warning, where the pipeline runs, but worse than it could; problem, where it stops, here or later.
Exit code 2 where there is a problem. Nothing is changed, and nothing on the network is contacted.
"""

from __future__ import annotations

import argparse
import os
import platform
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from thaw.errors import UserError
from thaw.health.finding import Finding, problem
from thaw.health.machine import (
    INSTALL,
    check_device,
    check_optional,
    check_packages,
    check_processors,
    check_python,
    cpu_quota,
    processors,
)

Findings = Iterator[tuple[str, Finding]]
OPTIONAL = ("export", "kaggle")


def main(arguments: Sequence[str]) -> None:
    """Check, print each line as soon as it is known.

    Raises:
        UserError: there is a problem.
    """
    parser = argparse.ArgumentParser(
        prog="python -m thaw doctor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args(arguments)
    problems = []
    for subject, finding in examine(Path()):
        print(line(subject, finding), flush=True)
        problems += [subject] if finding.kind == "problem" else []
    if problems:
        raise UserError(f"{len(problems)} to mend before the pipeline runs: {', '.join(problems)}")


def line(subject: str, finding: Finding) -> str:
    """A finding as it is printed.

    >>> line("DVC", problem("no .dvc here", "git clone"))
    'problem  DVC         no .dvc here; to mend: git clone'
    """
    mend = f"; to mend: {finding.mend}" if finding.mend else ""
    return f"{finding.kind:<8} {subject:<11} {' '.join(finding.what.split())}{mend}"


def examine(folder: Path) -> Findings:
    """All findings about this machine and ``folder``, each with its subject."""
    yield from _machine(folder)
    try:
        yield from _project(folder)
    except ImportError as error:
        yield "imports", problem(f"thaw cannot be imported: {error}", INSTALL)


def _machine(folder: Path) -> Findings:
    """What can be told without any other package."""
    path = folder / "pyproject.toml"
    if path.is_file():
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        extras = project["optional-dependencies"]
        yield "Python", check_python(platform.python_version(), project["requires-python"])
        yield "packages", check_packages(project["dependencies"])
        yield "optional", check_optional({name: extras[name] for name in OPTIONAL})
    yield "processors", check_processors(os.environ, processors(), cpu_quota())


def _project(folder: Path) -> Findings:
    """What is to be imported only now: where one of its packages is missing, the lines before have been printed."""
    from thaw.health.data import check_dataset, check_params, check_weights, torch_cache
    from thaw.health.disk import check_disk, check_writable, free_bytes
    from thaw.params.read import read_params
    from thaw.params.schema import Params

    try:
        params = read_params(*Params.model_fields, path=folder / "params.yaml")
    except UserError:
        params = None
    yield "device", check_device("auto" if params is None else params.train.device)
    yield from _versions(folder)
    yield "parameters", check_params(folder)
    if params is not None:
        yield "X-rays", check_dataset(params.dataset, folder)
        yield "weights", check_weights(params.models, params.weights, folder, torch_cache(os.environ))
    yield "disk", check_disk(None if params is None else params.dataset, folder, free_bytes(folder))
    yield "writing", check_writable(folder)


def _versions(folder: Path) -> Findings:
    from thaw.health.versions import check_cache, check_dvc, check_git, check_remote, read_config

    config = read_config(folder)
    yield "DVC", check_dvc(folder, config)
    if config is not None:
        yield "cache", check_cache(folder, config)
        yield "remote", check_remote(config)
    yield "Git", check_git(folder)
