"""The probe trains for real, on the smallest images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from tests.planning.made import tiny
from thaw.errors import UserError
from thaw.params.strategy import Phase
from thaw.planning import probe
from thaw.planning.costs import Pace, Stretch
from thaw.planning.probe import Question, measure
from thaw.training.batches import Examples
from thaw.training.curve import Curve
from thaw.training.state import Epoch


def question(strategies: dict[str, list[Any]], **settings: Any) -> Question:
    phases = {name: [Phase.model_validate({"lr": 0.1, **phase}) for phase in several]
              for name, several in strategies.items()}  # fmt: skip
    train = tiny(**{f"train__{key}": value for key, value in settings.items()}).train
    return Question("resnet18", phases, 12, 3, "multiclass", 32, train, 8)


def test_what_thaws_the_same_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    strategies = {
        "frozen": [{"thaw": "head", "epochs": 5}],
        "gradual": [
            {"thaw": {"last": "0..1"}, "epochs": 5, "adapt_norm": True},
            {"thaw": "head", "epochs": 2, "lr": 1.0},
        ],
    }
    cost = measure(question(strategies, frozen_views=2), "fp32")
    frozen, gradual = cost.strategies["frozen"], cost.strategies["gradual"]
    assert [(one.epochs, one.adapts, one.shares) for one in gradual] == [
        (3, True, False), (2, False, False), (2, False, False),
    ]  # fmt: skip
    assert list(frozen) == [Stretch(5, False, gradual[0].cost)]
    assert gradual[2].cost is gradual[0].cost
    assert gradual[1].cost is not gradual[0].cost
    assert cost.weights_bytes > 11e6 * 4
    assert list(tmp_path.iterdir()) == []  # nothing is left behind


def test_what_is_kept_of_an_image_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (one,) = measure(question({"frozen": [{"thaw": "head", "epochs": 5}]}, augment="none"), "fp32").strategies["frozen"]
    # 512 features of float32, 256 x 2 x 2 numbers at the boundary before layer4, and what describes them
    assert (512 + 1024) * 4 <= one.cost.kept_bytes < 1.2 * (512 + 1024) * 4
    assert 0.1 < one.cost.memory_gib < 20


class TrainerOfKnownTimes:
    """Stands in for the trainer: 0.5 s an image where everything is computed, 0.125 s where it was kept."""

    fits: ClassVar[list[tuple[int, int, int | None]]] = []

    def __init__(self, _: object, train: Examples, val: Examples, *others: Any, store: object) -> None:  # noqa: ARG002
        self.images, self.val_images, self.settings = len(train), len(val), others[1]

    def fit(self, phases: list[Phase], report: Callable[[Epoch], None]) -> None:
        (phase,) = phases
        self.fits.append((self.images, phase.epochs, self.settings.frozen_views))
        curve = Curve(0.1, 0.5, None)
        for number in range(1, phase.epochs + 1):
            each = 0.5 if number == 1 else 0.125
            report(Epoch(number, 1, 1e-6, self.images, 0.0, each * self.images, each / 5 * self.val_images, 0.0,
                         curve, curve))  # fmt: skip


@pytest.mark.parametrize(
    ("thaw", "epochs", "train", "val"),
    [("head", 2, Pace(0.5, 0.125), Pace(0.1, 0.025)), ("all", 1, Pace(0.5, 0.5), Pace(0.1, 0.1))],
)
@pytest.mark.parametrize("views", [3, None])
def test_the_first_epoch_fills_and_the_second_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, views: int | None, thaw: str, epochs: int, train: Pace, val: Pace
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(probe, "Trainer", TrainerOfKnownTimes)
    monkeypatch.setattr(TrainerOfKnownTimes, "fits", [])
    (one,) = measure(question({"one": [{"thaw": thaw, "epochs": 5}]}, frozen_views=views), "fp32").strategies["one"]
    assert one.cost.train == train
    assert one.cost.val == val
    # one batch to warm up, then as many as there are images for
    assert TrainerOfKnownTimes.fits == [(4, 2, 1), (12, epochs, 1)]


@pytest.mark.parametrize(
    ("phases", "shares"),
    [
        ([{"thaw": {"last": "0..2"}, "epochs": 3}], [True, True, True]),
        ([{"thaw": {"last": "2..0"}, "epochs": 3}], [True, False, False]),
        ([{"thaw": "head", "epochs": 1}, {"thaw": "head", "epochs": 1, "adapt_norm": True}], [True, False]),
        ([{"thaw": "head", "epochs": 1, "weights": "none"}], [False]),
        ([{"thaw": "all", "epochs": 1}, {"thaw": "head", "epochs": 1, "start": "pretrained"}], [True, True]),
    ],
    ids=["more and more", "less and less", "other statistics", "from scratch", "pretrained again"],
)
def test_activations_are_shared_as_long_as_what_is_frozen_never_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phases: list[Any], shares: list[bool]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(probe, "Trainer", TrainerOfKnownTimes)
    stretches = measure(question({"one": phases}), "fp32").strategies["one"]
    assert [stretch.shares for stretch in stretches] == shares


def test_activations_are_kept_where_every_epoch_is_augmented_anew_and_nothing_of_a_whole_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    strategies = {"frozen": [{"thaw": "head", "epochs": 2}], "full": [{"thaw": "all", "epochs": 2}]}
    cost = measure(question(strategies, augment="light", frozen_views=None), "fp32")
    frozen, full = cost.strategies["frozen"][0].cost, cost.strategies["full"][0].cost
    assert frozen.kept_bytes >= (512 + 1024) * 4
    assert min(frozen.train.first, frozen.train.later) > 0  # which is the longer one a busy machine may turn round
    assert full.kept_bytes == 0
    assert full.train.first == full.train.later > 0
    assert cost.forward_seconds > 0
    assert cost.device == f"CPU, {torch.get_num_threads()} threads, fp32"


def test_a_strategy_that_does_not_fit_is_told_before_anything_is_measured() -> None:
    with pytest.raises(UserError, match="this network has 5 blocks"):
        measure(question({"partial": [{"thaw": {"last": 9}, "epochs": 1}]}), "fp32")
