"""What is compared with thaw's trainer must train the same: the same tensors, with the same optimizer."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.gpu import FedLoop, compared
from bench.limit import cost_row, fetch_all, parts, speed_row
from bench.measure import Spread
from bench.training import (
    PHASES,
    BareLoop,
    Subject,
    Thaw,
    bare_evaluation_rate,
    default_settings,
    evaluation_rate,
    stored_examples,
)
from thaw.backbones.classifier import Classifier

CPU = torch.device("cpu")


def subject(folder: Path, thaw: Any, **changes: Any) -> Subject:
    """A small network on 16 images of 32 pixels."""
    settings = default_settings(**{"batch_size": 8, "augment": "light", "precision": "fp32", **changes})
    return Subject("resnet18", thaw, settings, stored_examples(folder, 16, 32), CPU)


def moved(classifier: Classifier, work: Callable[[], object]) -> set[str]:
    """The parameters and buffers that ``work`` changed."""
    before = {name: tensor.clone() for name, tensor in classifier.network.state_dict().items()}
    work()
    return {name for name, tensor in classifier.network.state_dict().items() if not torch.equal(tensor, before[name])}


@pytest.mark.parametrize("name", PHASES)
def test_thaw_and_its_rivals_train_the_same_tensors(tmp_path: Path, name: str) -> None:
    one = subject(tmp_path, PHASES[name])
    thaw, bare, fed = Thaw(one), BareLoop(one), FedLoop(one, workers=0)
    ours = moved(thaw.classifier, thaw)
    assert ours == moved(bare.classifier, bare) == moved(fed.bare.classifier, fed)
    watched = ("fc.weight", "layer4.0.conv1.weight", "conv1.weight", "bn1.running_mean")
    assert sum(tensor in ours for tensor in watched) == {"frozen": 1, "partial": 2, "full": 4}[name]


def test_the_bare_loop_begins_with_the_same_network_and_sees_what_thaw_would(tmp_path: Path) -> None:
    one = subject(tmp_path, "all", augment="none")
    thaw, bare = Thaw(one), BareLoop(one)
    gray, target = one.examples.batch(torch.arange(8), CPU)
    thaw.classifier.eval()
    bare.classifier.eval()
    assert torch.equal(thaw.classifier(gray), bare.classifier.network(bare.images))
    assert torch.equal(target, bare.target)
    assert bare.images.is_contiguous(memory_format=torch.channels_last)


def test_rates_are_images_in_a_second(tmp_path: Path) -> None:
    one = subject(tmp_path, "head")
    thaw, bare = Thaw(one), BareLoop(one)
    rates = [thaw(), bare(), evaluation_rate(thaw), bare_evaluation_rate(bare)]
    assert all(0 < rate < 1e6 for rate in rates)


def test_the_parts_of_an_epoch_are_all_measured(tmp_path: Path) -> None:
    found = {name: part() for name, part in parts(Thaw(subject(tmp_path, "head"))).items()}
    assert list(found) == ["fetching", "augmentation", "colour", "frozen proof"]
    assert all(0 < milliseconds < 1e4 for milliseconds in found.values())
    fetch_all(subject(tmp_path, "head").examples, 8, CPU)


def test_rows_of_the_limit() -> None:
    speeds = {"thaw": Spread((90.0, 80.0, 95.0)), "bare": Spread((100.0, 100.0, 100.0))}
    assert speed_row("resnet18, full", speeds) == [
        "resnet18, full", "0.900 (0.800 to 0.950)", "0.92: **missed**", "90.0 (80.0 to 95.0)", "100.0 (100.0 to 100.0)"
    ]  # fmt: skip
    costs = {name: Spread((0.25,)) for name in ("fetching", "augmentation", "colour", "frozen proof")}
    # 1000 / 90 - 1000 / 100 ms an image, a tenth of thaw's
    assert cost_row("resnet18, full", speeds, costs) == ["resnet18, full", "0.100", "1.111", *["0.250"] * 4]


def test_the_row_of_the_gpu_has_ratios_then_speeds_then_memory(tmp_path: Path) -> None:
    """On the CPU, where the memory is that of the process."""
    row = compared("resnet18, frozen, 8", subject(tmp_path, "head", precision="bf16"), 0, 1)
    spread = r"[\d.,]+ \([\d.,]+ to [\d.,]+\)"
    expected = [r"resnet18, frozen, 8", spread, r"0.95: (met|\*\*missed\*\*)", *[spread] * 6, *[r"\d+\.\d\d"] * 2]
    assert all(re.fullmatch(pattern, cell) for pattern, cell in zip(expected, row, strict=True))
