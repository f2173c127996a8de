"""Python, packages, processors and device, as they are here and where they are wrong."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from thaw.health.finding import Finding, counted, ok, problem, warning, worst
from thaw.health.machine import (
    check_device,
    check_optional,
    check_packages,
    check_processors,
    check_python,
    cpu_quota,
    processors,
)


def test_the_worst_of_several_findings_is_told() -> None:
    assert worst([ok("a"), ok("b")]) == ok("a; b")
    assert worst([ok("a"), warning("b", "mend b")]) == warning("b", "mend b")
    several = [problem("a", "pip"), warning("b", "mend b"), problem("c", "pip"), problem("d", "other")]
    assert worst(several) == Finding("problem", "a; c; d", "pip; other")


def test_python_is_held_against_the_range() -> None:
    here = platform.python_version()
    assert check_python(here, ">=3.11") == ok(f"Python {here}")
    assert check_python("3.10.12", ">=3.11").kind == "problem"
    assert "3.10.12, but thaw needs >=3.11" in check_python("3.10.12", ">=3.11").what


def test_packages_are_held_against_their_ranges() -> None:
    assert check_packages(["numpy>=2.1,<3", "torch>=2.11,<3"]) == ok("2 packages are as pyproject.toml wants them")
    numpy = version("numpy")
    found = check_packages(["numpy<1", "no-such-package>=1", "pandas"])
    assert found == problem(f"numpy is {numpy}, not <1; no-such-package is missing", "pip install -r requirements.txt")
    assert check_packages([f"gone{number}" for number in range(5)]).what.endswith("gone2 is missing; and 2 more")
    assert check_packages(["gone; python_version < '3'"]) == ok("0 packages are as pyproject.toml wants them")


def test_what_is_optional_is_told_and_no_problem() -> None:
    found = check_optional({"export": ["numpy>=2"], "kaggle": ["no-such-package"]})
    assert found.kind == "ok"
    assert found.what.startswith("export is installed; kaggle is not installed (pip install 'thaw[kaggle]'); ")
    assert check_optional({"export": ["numpy<1"]}).kind == "warning"


@pytest.mark.parametrize(
    ("environment", "quota", "kind", "mend"),
    [
        ({}, None, "ok", ""),
        ({}, 8.0, "ok", ""),
        ({"OMP_NUM_THREADS": "8"}, None, "ok", ""),
        ({"OMP_NUM_THREADS": "2"}, 2.0, "ok", ""),
        ({}, 2.0, "warning", "export OMP_NUM_THREADS=2"),
        ({}, 0.4, "warning", "export OMP_NUM_THREADS=1"),
        ({"OMP_NUM_THREADS": "16"}, None, "warning", "export OMP_NUM_THREADS=8"),
        ({"OMP_NUM_THREADS": "1"}, None, "warning", "unset OMP_NUM_THREADS"),
        ({"OMP_NUM_THREADS": "all"}, None, "warning", "unset OMP_NUM_THREADS"),
        ({"OMP_NUM_THREADS": "0"}, None, "warning", "unset OMP_NUM_THREADS"),
    ],
)
def test_threads_are_held_against_processors(
    environment: dict[str, str], quota: float | None, kind: str, mend: str
) -> None:
    found = check_processors(environment, 8, quota)
    assert (found.kind, found.mend) == (kind, mend)


def test_a_containers_share_of_processors_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cpu.max"
    assert cpu_quota(path) is None
    for text, quota in (("max 100000\n", None), ("150000 100000\n", 1.5), ("", None), ("a b", None)):
        path.write_text(text)
        assert cpu_quota(path) == quota
    assert processors() == len(os.sched_getaffinity(0))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_a_cpu_is_fine_unless_a_gpu_is_asked_for() -> None:
    assert check_device("cpu") == ok(
        f"torch {torch.__version__} on a CPU, {counted(torch.get_num_threads(), 'thread')}"
    )
    asked = check_device("cuda")
    assert (asked.kind, asked.what) == ("problem", "train.device is cuda, but torch finds no GPU")
    assert asked.mend


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_is_named_and_may_not_stay_idle() -> None:
    assert check_device("auto").kind == "ok"
    assert torch.cuda.get_device_name() in check_device("cuda").what
    assert check_device("cpu").kind == "warning"
