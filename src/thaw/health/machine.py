"""Python, its packages, processors and GPU."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from thaw.health.finding import Finding, counted, gib, ok, problem, warning, worst

INSTALL = "pip install -r requirements.txt"
NAMED = 3
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def check_python(found: str, wanted: str) -> Finding:
    """Whether Python ``found`` is one of ``wanted``, such as ``>=3.11``."""
    if SpecifierSet(wanted).contains(found, prereleases=True):
        return ok(f"Python {found}")
    return problem(f"Python {found}, but thaw needs {wanted}", "remove .venv, then make repro PYTHON=<a newer python3>")


def check_packages(requirements: Iterable[str]) -> Finding:
    """Whether every requirement, such as ``numpy>=2.1,<3``, is met by what is installed."""
    wanted = [one for one in map(Requirement, requirements) if one.marker is None or one.marker.evaluate()]
    broken = [words for one in wanted if (words := _unmet(one))]
    if not broken:
        return ok(f"{len(wanted)} packages are as pyproject.toml wants them")
    more = f"; and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
    return problem("; ".join(broken[:NAMED]) + more, INSTALL)


def check_optional(extras: Mapping[str, Sequence[str]]) -> Finding:
    """Which optional parts are there: each extra of pyproject.toml with its requirements, and a browser."""
    findings = [_check_extra(name, requirements) for name, requirements in extras.items()]
    browser = next((name for name in BROWSERS if shutil.which(name)), None)
    seen = "is used by the report's own tests" if browser else "is missing, which only the report's own tests need"
    return worst([*findings, ok(f"{browser or BROWSERS[0]} {seen}")])


def _check_extra(name: str, requirements: Sequence[str]) -> Finding:
    unmet = [words for one in requirements if (words := _unmet(Requirement(one)))]
    if not unmet:
        return ok(f"{name} is installed")
    if all(words.endswith("is missing") for words in unmet):
        return ok(f"{name} is not installed (pip install 'thaw[{name}]')")
    return warning(f"{name}: {'; '.join(unmet)}", f"pip install 'thaw[{name}]'")


def _unmet(wanted: Requirement) -> str:
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return f"{wanted.name} is missing"
    fits = wanted.specifier.contains(found, prereleases=True)
    return "" if fits else f"{wanted.name} is {found}, not {wanted.specifier}"


def check_processors(environment: Mapping[str, str], cores: int, quota: float | None) -> Finding:
    """Whether as many threads compute as there are processors for them.

    Args:
        environment: of it OMP_NUM_THREADS.
        cores: that this process may run on.
        quota: how many of them a container grants; None: all.
    """
    usable = cores if quota is None else max(1, min(cores, round(quota)))
    told = environment.get("OMP_NUM_THREADS")
    if told is not None and not (told.isdecimal() and int(told)):
        return warning(f"OMP_NUM_THREADS is {told!r}, no whole number from 1", "unset OMP_NUM_THREADS")
    threads = cores if told is None else int(told)
    if threads > usable:
        why = "they wait for each other"
        return warning(f"{threads} threads on {usable} processors: {why}", f"export OMP_NUM_THREADS={usable}")
    if threads < usable:
        idle = f"OMP_NUM_THREADS is {threads}, and {usable} processors are there"
        return warning(f"{idle}: trainings on a CPU leave {usable - threads} idle", "unset OMP_NUM_THREADS")
    return ok(counted(usable, "processor"))


def processors() -> int:
    """How many this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_quota(path: Path = CPU_QUOTA) -> float | None:
    """How many processors the control group grants (cgroup v2's cpu.max); None: no limit, or none that is known."""
    try:
        granted, period = path.read_text().split()
        return None if granted == "max" else int(granted) / int(period)
    except (OSError, ValueError):
        return None


def check_device(wanted: str) -> Finding:
    """What torch computes on, where ``train.device`` is ``wanted``."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return problem(f"torch cannot be imported: {str(error).partition(chr(10))[0]}", INSTALL)
    if torch.cuda.is_available():
        found = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
        told = ", ".join(f"{one.name} with {gib(one.total_memory)}" for one in found)
        if wanted == "cpu":
            return warning(f"{told} stays idle: train.device is cpu", "dvc exp run -S train.device=auto")
        return ok(f"torch {torch.__version__} on {told}, {'bf16' if torch.cuda.is_bf16_supported() else 'no bf16'}")
    if wanted == "cuda":
        return problem("train.device is cuda, but torch finds no GPU", _why_no_gpu(torch.version.cuda))
    if wanted == "auto" and (names := _gpus_of_driver()):
        return warning(f"torch does not see {', '.join(names)}", _why_no_gpu(torch.version.cuda))
    return ok(f"torch {torch.__version__} on a CPU, {counted(torch.get_num_threads(), 'thread')}")


def _why_no_gpu(cuda: str | None) -> str:
    """What lets torch, built for CUDA version ``cuda`` or without, see a GPU."""
    if cuda is None:
        return "this torch is built for CPUs alone: install one for CUDA (https://pytorch.org/get-started/locally)"
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return f"unset CUDA_VISIBLE_DEVICES, which is {os.environ['CUDA_VISIBLE_DEVICES']!r}"
    return f"nvidia-smi must list a GPU, with a driver for CUDA {cuda} or newer; or dvc exp run -S train.device=auto"


def _gpus_of_driver() -> list[str]:
    """The GPUs that NVIDIA's driver lists; none without one."""
    if not is_installed("pynvml"):
        return []
    import pynvml

    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
        return [str(pynvml.nvmlDeviceGetName(handle)) for handle in handles]
    except pynvml.NVMLError:
        return []


def is_installed(module: str) -> bool:
    """Whether a module can be imported; it is not."""
    return importlib.util.find_spec(module) is not None
