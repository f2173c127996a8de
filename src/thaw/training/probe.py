"""Which precision trains a network faster on this CPU: measured, because it differs by network and by CPU.

bf16 halves the time of one network's step and may lengthen another's on the same CPU, so neither is assumed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F

from thaw.backbones.classifier import build_classifier
from thaw.errors import UserError
from thaw.files import read_json
from thaw.training.device import Precision, autocast, choose_precision

LEAST_GAIN = 1.15  # below it noise could turn the choice, and with it the weights of a second run
IMAGES, CLASSES, ROUNDS = 8, 2, 5
RATE = 1e-5
PROBED = Path("models/probe")  # where the stage probe writes

Choice = tuple[Precision, str]  # the precision, and the reason in a sentence


def find_precision(model: str, size_px: int, channels_last: bool, device: torch.device) -> Choice:
    """The precision for ``train.precision: auto``; measured on a CPU that has bf16 instructions, else by rule.

    Args:
        model: the backbone.
        size_px: side of its pictures.
        channels_last: its memory format.
        device: where it will be trained.

    Raises:
        UserError: there is no such backbone, or it cannot take this size.
    """
    if device.type == "cuda":
        return choose_precision("auto", device), "A GPU computes in bf16 where it can."
    if not may_have_bf16():
        return "fp32", "This CPU has no bf16 instructions."
    seconds = time_steps(model, size_px, channels_last)
    fp32_ms, bf16_ms = (1e3 / IMAGES * taken for taken in seconds)
    print(f"{model}: {fp32_ms:.1f} ms an image in fp32, {bf16_ms:.1f} ms in bf16", file=sys.stderr)
    return faster(*seconds)


def may_have_bf16() -> bool:
    """Whether the CPU has bf16 instructions; where torch cannot tell, as on ARM, true."""
    if torch.backends.cpu.get_cpu_capability() not in ("DEFAULT", "AVX2", "AVX512"):
        return True
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def time_steps(model: str, size_px: int, channels_last: bool) -> tuple[float, float]:
    """Seconds of a training step of the whole network in fp32 and in bf16: forward and backward pass, and AdamW.

    They take turns, after one each that does not count. The fastest of each is taken: whatever else the machine does
    only ever adds to a step.
    """
    classifier = build_classifier(model, CLASSES, 0, None, size_px)
    classifier.set_channels_last(channels_last)
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=RATE)
    images = torch.rand(IMAGES, 1, size_px, size_px, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(IMAGES) % CLASSES

    def step(precision: Precision) -> float:
        started = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with autocast(images.device, precision):
            logits = classifier(images)
        F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return time.perf_counter() - started

    rounds = [(step("fp32"), step("bf16")) for _ in range(ROUNDS + 1)]
    return min(fp32 for fp32, _ in rounds[1:]), min(bf16 for _, bf16 in rounds[1:])


def faster(fp32_seconds: float, bf16_seconds: float) -> Choice:
    """bf16 where it is faster by more than noise, else fp32."""
    if fp32_seconds >= LEAST_GAIN * bf16_seconds:
        return "bf16", f"A training step on this CPU is at least {LEAST_GAIN} times as fast in bf16."
    return "fp32", f"A training step on this CPU is not {LEAST_GAIN} times as fast in bf16."


def precision_of(
    model: str, wanted: Literal["auto"] | Precision, device: torch.device, probed: Path = PROBED
) -> Precision:
    """The precision that params.yaml names; where that is auto, a GPU's by rule and a CPU's by the stage probe.

    Args:
        model: the backbone.
        wanted: ``train.precision``.
        device: where it is trained.
        probed: where the stage probe writes.

    Raises:
        UserError: the stage probe has not been run, or there is no GPU for fp16.
    """
    if wanted == "auto" and device.type == "cpu":
        return read_precision(probed / f"{model}.json", model)
    return choose_precision(wanted, device)


def read_precision(path: Path, model: str) -> Literal["fp32", "bf16"]:
    """What the stage probe chose for ``model``.

    Raises:
        UserError: the stage has not been run.
    """
    if not path.is_file():
        raise UserError(f"train.precision is auto, and {path} is missing; run python -m thaw.stages.probe {model}")
    precision: Literal["fp32", "bf16"] = read_json(path)["precision"]
    return precision
