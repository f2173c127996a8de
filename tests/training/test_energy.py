"""There is no GPU here: a stand-in for NVIDIA's library counts, and torch is told of a GPU."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from thaw.training import energy
from thaw.training.energy import EnergyMeter

UNIQUE = "12345678-9abc-def0-1234-56789abcdef0"


class LibraryError(Exception):
    pass


class Library:
    """Two GPUs by their own numbers; each reading takes the next of ``counts``."""

    NVMLError = LibraryError

    def __init__(self, counts: list[int | None], has_library: bool = True) -> None:
        self.counts, self.has_library, self.is_ready = counts, has_library, False

    def nvmlInit(self) -> None:  # noqa: N802 - the library's name
        if not self.has_library:
            raise LibraryError("no library")
        self.is_ready = True

    def nvmlDeviceGetHandleByUUID(self, unique: str) -> str:  # noqa: N802
        if not self.is_ready or unique not in ("GPU-another", f"GPU-{UNIQUE}"):
            raise LibraryError("not found")
        return unique

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802
        assert handle == f"GPU-{UNIQUE}"
        count = self.counts.pop(0)
        if count is None:
            raise LibraryError("not supported")
        return count


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    def properties(_: torch.device) -> SimpleNamespace:
        return SimpleNamespace(uuid=UNIQUE)

    monkeypatch.setattr(torch.cuda, "get_device_properties", properties)
    return torch.device("cuda", 0)


def install(monkeypatch: pytest.MonkeyPatch, library: Library) -> None:
    monkeypatch.setattr(energy, "pynvml", library)


def test_the_energy_is_that_since_the_start(monkeypatch: pytest.MonkeyPatch, gpu: torch.device) -> None:
    install(monkeypatch, Library([1_000_000, 1_002_500, 1_010_000, 1_010_750]))
    meter = EnergyMeter(gpu)
    assert meter.joules() == 2.5
    meter.start()
    assert meter.joules() == 0.75


@pytest.mark.parametrize(
    "library",
    [Library([], has_library=False), Library([None, None]), Library([5, None]), Library([None, 5])],
    ids=["no library", "does not tell", "stopped telling", "began to tell"],
)
def test_what_is_not_told_is_none(monkeypatch: pytest.MonkeyPatch, gpu: torch.device, library: Library) -> None:
    install(monkeypatch, library)
    assert EnergyMeter(gpu).joules() is None


def test_a_gpu_that_the_library_does_not_know_is_none(monkeypatch: pytest.MonkeyPatch, gpu: torch.device) -> None:
    install(monkeypatch, Library([1, 2]))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid="unknown"))
    assert EnergyMeter(gpu).joules() is None


def test_a_cpu_has_no_meter() -> None:
    assert EnergyMeter(torch.device("cpu")).joules() is None


def test_the_real_library_has_what_is_asked_of_it() -> None:
    for name in ("nvmlInit", "nvmlDeviceGetHandleByUUID", "nvmlDeviceGetTotalEnergyConsumption"):
        assert callable(getattr(energy.pynvml, name))
    assert issubclass(energy.pynvml.NVMLError, Exception)
