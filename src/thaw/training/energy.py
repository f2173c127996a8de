"""The energy that a GPU takes, where it tells."""

from __future__ import annotations

import contextlib

import pynvml
import torch


class EnergyMeter:
    """Counts the energy of one GPU from when it is made, or started again.

    NVIDIA's Management Library counts what the whole board takes, other programs on it included, since its driver was
    loaded (``nvmlDeviceGetTotalEnergyConsumption``, Volta and later). The GPU works behind the program: the meter is to
    be read where its results have been fetched.

    Args:
        device: where a cell is computed.
    """

    def __init__(self, device: torch.device) -> None:
        self._gpu = _find(device)
        self.start()

    def start(self) -> None:
        """Count from now on."""
        self._before = self._millijoules()

    def joules(self) -> float | None:
        """The energy in joules since the start; None on a CPU, without the library, or where the GPU does not tell."""
        now = self._millijoules()
        return None if now is None or self._before is None else (now - self._before) / 1000

    def _millijoules(self) -> int | None:
        if self._gpu is None:
            return None
        with contextlib.suppress(pynvml.NVMLError):
            return int(pynvml.nvmlDeviceGetTotalEnergyConsumption(self._gpu))
        return None


def _find(device: torch.device) -> object | None:
    """The library's handle of a GPU; None where it has none."""
    if device.type != "cuda":
        return None
    # by its own number: CUDA_VISIBLE_DEVICES changes torch's indices, and the library does not know of it
    unique = torch.cuda.get_device_properties(device).uuid
    with contextlib.suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        handle: object = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{unique}")
        return handle
    return None
