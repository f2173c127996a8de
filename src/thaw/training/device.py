"""Where a cell is computed, in which precision, and the memory it took."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Literal

import torch

from thaw.errors import UserError
from thaw.training.depthwise import FastDepthwise

Precision = Literal["fp32", "bf16", "fp16"]
GIB = 2**30


def choose_device(wanted: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """The device to compute on.

    Raises:
        UserError: a GPU is asked for and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("train.device: cuda, but torch finds no GPU here; use auto or cpu")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def make_deterministic() -> None:
    """Let torch choose algorithms that give the same bits each time, where it has them."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    # else torch writes NaN into every block it is given before an operation fills it: a tenth of a step on a CPU
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def keep_freed_memory() -> None:
    """Let the C library keep memory that is freed, for the next step to use again.

    glibc gives large blocks back to the system at once, so every training step on a CPU faults its activations in
    anew: half the time of a step of EfficientNet-Lite0 (docs/log.md, 2026-11-21). Other systems are left alone.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    # numbers of malloc.h: M_MMAP_MAX = -4 (no blocks of their own), M_TRIM_THRESHOLD = -1, M_TOP_PAD = -2
    for option, value in ((-4, 0), (-1, 2**31 - 1), (-2, 2**29)):
        libc.mallopt(option, value)


def choose_precision(wanted: Literal["auto"] | Precision, device: torch.device) -> Precision:
    """The rule that needs no measuring: ``auto`` is bf16 on a GPU that computes it, else fp32.

    On a CPU the stage train takes what ``thaw.training.probe`` found in its place.

    Raises:
        UserError: fp16 is asked for where there is no GPU.
    """
    if wanted == "fp16" and device.type != "cuda":
        raise UserError("train.precision: fp16 needs a GPU; use auto, fp32 or bf16")
    if wanted != "auto":
        return wanted
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"


@contextmanager
def autocast(device: torch.device, precision: Precision) -> Iterator[None]:
    """The context in which a network's forward pass runs."""
    if precision == "fp32":
        yield
        return
    lower = torch.bfloat16 if precision == "bf16" else torch.float16
    with torch.autocast(device.type, lower), FastDepthwise() if device.type == "cpu" else nullcontext():
        yield


def device_name(device: torch.device) -> str:
    """A name for reports."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"


def peak_memory_gib(device: torch.device) -> float:
    """The most memory so far in GiB: on the GPU where one computes, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / GIB
    # getrusage counts in KiB on Linux and in bytes on macOS
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GIB
