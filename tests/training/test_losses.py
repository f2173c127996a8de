"""Losses and their weights against published formulas, torch and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from thaw.labels import UNKNOWN, Task
from thaw.params.schema import LossParams
from thaw.training.losses import Loss, class_weights, make_loss, positive_weights

CPU = torch.device("cpu")
ONE_OF_THREE = np.eye(3, dtype=int)[[0] * 6 + [1] * 3 + [2]]
SEVERAL = np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 0], [0, 0, 0]])
UNCERTAIN = np.array([[1, 0], [0, UNKNOWN], [UNKNOWN, 1], [0, 0], [UNKNOWN, UNKNOWN]])
STANDARD: dict[str, Any] = {
    "name": "standard", "gamma": 2.0, "alpha": None, "smoothing": 0.0, "class_weights": True,
    "max_class_weight": 10.0, "hardest": 1.0, "sampling": "uniform",
}  # fmt: skip
CASES: list[tuple[Task, NDArray[np.int64]]] = [("multilabel", SEVERAL), ("multiclass", ONE_OF_THREE)]
BOTH = pytest.mark.parametrize(("task", "labels"), CASES)


def loss_of(task: Task, labels: NDArray[np.int64], **changes: Any) -> Loss:
    return make_loss(task, labels, LossParams(**(STANDARD | changes)), CPU)


def logits_for(labels: NDArray[np.int64], seed: int = 0) -> Tensor:
    return 2 * torch.randn(labels.shape, generator=torch.Generator().manual_seed(seed))


def floats(labels: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(labels).float()


def test_class_weights_are_scikit_learns_balanced() -> None:
    expected = compute_class_weight("balanced", classes=np.arange(3), y=ONE_OF_THREE.argmax(1))
    assert np.allclose(class_weights(ONE_OF_THREE, 100), expected)


def test_weights_are_capped_and_a_class_without_images_gets_the_cap() -> None:
    assert class_weights(ONE_OF_THREE, 2).max() == 2
    assert class_weights(ONE_OF_THREE[:9], 50).tolist()[2] == 50


def test_positive_weights_are_negatives_over_positives() -> None:
    labels = np.array([[1, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 1]])
    assert positive_weights(labels, 10).tolist() == [3, 1, 0]
    assert positive_weights(labels, 2).tolist() == [2, 1, 0]


def test_the_losses_weights_come_from_the_training_labels_and_are_capped() -> None:
    several, one = (loss_of(*case, max_class_weight=3.0).rarity for case in CASES)
    assert several is not None
    assert one is not None
    assert several.tolist() == [2, 2, 3]
    assert np.allclose(one, [10 / 18, 10 / 9, 3])
    assert loss_of("multiclass", ONE_OF_THREE, class_weights=False).rarity is None


def test_weighted_bce_is_its_formula() -> None:
    labels = np.array([[1, 0], [0, 1], [0, 1], [0, 1]])
    logits = torch.tensor([[0.3, -1.0], [2.0, 0.1], [-0.4, 0.0], [1.0, 1.0]])
    target = floats(labels)
    p, weight = torch.sigmoid(logits), torch.tensor([3.0, 1 / 3])
    by_hand = -(weight * target * p.log() + (1 - target) * (1 - p).log()).mean()
    assert torch.allclose(loss_of("multilabel", labels)(logits, target), by_hand)


def test_weighted_cross_entropy_is_its_formula() -> None:
    logits, target = logits_for(ONE_OF_THREE), floats(ONE_OF_THREE)
    weight = torch.tensor(class_weights(ONE_OF_THREE, 10))[ONE_OF_THREE.argmax(1)]
    losses = -(logits.log_softmax(1) * target).sum(1)
    by_hand = (weight * losses).sum() / weight.sum()
    assert torch.allclose(loss_of("multiclass", ONE_OF_THREE)(logits, target), by_hand)
    assert torch.allclose(loss_of("multiclass", ONE_OF_THREE, class_weights=False)(logits, target), losses.mean())


@pytest.mark.parametrize("name", ["standard", "focal"])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
def test_cross_entropy_is_torchs_and_so_is_focal_at_gamma_zero(name: str, weighted: bool, smoothing: float) -> None:
    logits, target = logits_for(ONE_OF_THREE), floats(ONE_OF_THREE)
    weight = torch.from_numpy(class_weights(ONE_OF_THREE, 10)) if weighted else None
    expected = F.cross_entropy(logits, target.argmax(1), weight=weight, label_smoothing=smoothing)
    loss = loss_of("multiclass", ONE_OF_THREE, name=name, gamma=0.0, smoothing=smoothing, class_weights=weighted)
    assert torch.allclose(loss(logits, target), expected)


@pytest.mark.parametrize("name", ["standard", "focal"])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
def test_bce_is_torchs_and_so_is_focal_at_gamma_zero(name: str, weighted: bool, smoothing: float) -> None:
    logits, target = logits_for(SEVERAL), floats(SEVERAL)
    weight = torch.from_numpy(positive_weights(SEVERAL, 10)) if weighted else None
    smooth = torch.where(target == 1, 1 - smoothing / 2, smoothing / 2)
    expected = F.binary_cross_entropy_with_logits(logits, smooth, pos_weight=weight)
    loss = loss_of("multilabel", SEVERAL, name=name, gamma=0.0, smoothing=smoothing, class_weights=weighted)
    assert torch.allclose(loss(logits, target), expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("alpha", [None, 0.25, 0.9])
def test_binary_focal_loss_is_torchvisions(gamma: float, alpha: float | None) -> None:
    logits, target = logits_for(SEVERAL), floats(SEVERAL)
    # -1 there is no alpha
    expected = sigmoid_focal_loss(logits, target, -1 if alpha is None else alpha, gamma, reduction="mean")
    loss = loss_of("multilabel", SEVERAL, name="focal", gamma=gamma, alpha=alpha, class_weights=False)
    assert torch.allclose(loss(logits, target), expected)


def test_weights_of_positives_and_alpha_both_multiply_the_focal_term_of_positives() -> None:
    logits, target = logits_for(SEVERAL), floats(SEVERAL)
    p, weight = torch.sigmoid(logits), torch.tensor([2.0, 2.0, 5.0])
    positive, negative = 0.25 * weight * (1 - p) ** 2 * -p.log(), 0.75 * p**2 * -(1 - p).log()
    loss = loss_of("multilabel", SEVERAL, name="focal", alpha=0.25)
    assert torch.allclose(loss(logits, target), torch.where(target == 1, positive, negative).mean())


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_cross_entropy_is_equation_4_with_class_weights_for_alpha(gamma: float) -> None:
    logits, target = logits_for(ONE_OF_THREE), floats(ONE_OF_THREE)
    right = logits.softmax(1)[target == 1]
    weight = torch.tensor(class_weights(ONE_OF_THREE, 10))[ONE_OF_THREE.argmax(1)]
    by_hand = (weight * (1 - right) ** gamma * -right.log()).sum() / weight.sum()
    for alpha in (None, 0.25):  # has no part where an image has one label
        loss = loss_of("multiclass", ONE_OF_THREE, name="focal", gamma=gamma, alpha=alpha)
        assert torch.allclose(loss(logits, target), by_hand)


def test_two_classes_have_the_focal_loss_of_one_label() -> None:
    labels, logits = np.array([[0, 1], [1, 0], [0, 1]]), torch.tensor([[0.5, -1.0], [2.0, 0.0], [-1.0, 3.0]])
    changes: dict[str, Any] = {"name": "focal", "smoothing": 0.2, "class_weights": False}
    two = loss_of("multiclass", labels, **changes)(logits, floats(labels))
    one = loss_of("multilabel", labels[:, 1:], **changes)(logits.diff(dim=1), floats(labels[:, 1:]))
    assert torch.allclose(two, one)


@BOTH
@pytest.mark.parametrize("gamma", [0.1, 2.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_focal_gradients_are_finite_however_sure_the_network_is(
    task: Task, labels: NDArray[np.int64], gamma: float, sign: int
) -> None:
    logits = (sign * 1000 * (2 * floats(labels) - 1)).requires_grad_()
    loss = loss_of(task, labels, name="focal", gamma=gamma)(logits, floats(labels))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.isfinite(gradient).all()
    assert (float(loss.detach()) == 0) == (sign > 0)


@BOTH
def test_smoothing_keeps_the_focal_loss_from_wanting_certainty(task: Task, labels: NDArray[np.int64]) -> None:
    loss = loss_of(task, labels, name="focal", smoothing=0.1)
    sure, surer = (float(loss(size * (2 * floats(labels) - 1), floats(labels))) for size in (2, 20))
    assert sure < surer


def test_unknown_labels_have_no_part_in_loss_weights_and_gradient() -> None:
    labels = UNCERTAIN[:4]
    assert positive_weights(labels, 10).tolist() == [2, 2]
    logits = torch.tensor([[0.3, -1], [2, 5], [-4, 0.5], [1, 1]], requires_grad=True)
    loss = loss_of("multilabel", labels)(logits, floats(labels))
    # binary cross-entropy log(1 + e^x), or log(1 + e^-x) twice for a positive, of the six known labels
    single = np.logaddexp(0, [-0.3, -1, 2, -0.5, 1, 1]) * [2, 1, 1, 2, 1, 1]
    assert np.isclose(float(loss.detach()), np.mean(single))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert [place for place in np.ndindex(4, 2) if gradient[place] == 0] == [(1, 1), (2, 0)]


@pytest.mark.parametrize("name", ["standard", "focal"])
@pytest.mark.parametrize("hardest", [1.0, 0.5])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_what_is_predicted_for_an_unknown_label_never_matters(name: str, hardest: float, smoothing: float) -> None:
    loss = loss_of("multilabel", UNCERTAIN, name=name, hardest=hardest, smoothing=smoothing)
    logits, target = logits_for(UNCERTAIN), floats(UNCERTAIN)
    other = torch.where(target == UNKNOWN, 50.0, logits)
    assert torch.equal(loss(logits, target), loss(other, target))


@pytest.mark.parametrize("name", ["standard", "focal"])
@pytest.mark.parametrize("hardest", [1.0, 0.5])
def test_a_batch_without_any_known_label_costs_nothing(name: str, hardest: float) -> None:
    loss, target = loss_of("multilabel", UNCERTAIN, name=name, hardest=hardest), torch.full((2, 2), float(UNKNOWN))
    logits = torch.ones(2, 2, requires_grad=True)
    cost = loss(logits, target)
    (gradient,) = torch.autograd.grad(cost * 2**16, logits)  # as scaled for float16
    assert (float(cost.detach()), float(loss.weight(target)), gradient.tolist()) == (0, 0, [[0, 0], [0, 0]])


def test_the_weight_of_a_batch_is_what_its_mean_is_divided_by() -> None:
    several, one = floats(UNCERTAIN), floats(ONE_OF_THREE)
    assert float(loss_of("multilabel", UNCERTAIN).weight(several)) == 6
    assert float(loss_of("multilabel", UNCERTAIN, hardest=0.5).weight(several)) == 4
    assert float(loss_of("multiclass", ONE_OF_THREE, class_weights=False).weight(one)) == 10
    assert float(loss_of("multiclass", ONE_OF_THREE, hardest=0.5).weight(one)) == 10
    assert np.isclose(float(loss_of("multiclass", ONE_OF_THREE).weight(one[4:])), 2 * 10 / 18 + 3 * 10 / 9 + 10 / 3)


@st.composite
def batches(draw: st.DrawFn) -> tuple[Task, NDArray[np.int64], int]:
    """A task, labels of 2 to 12 images, and where to cut them in two."""
    count, classes = draw(st.integers(2, 12)), draw(st.integers(2, 4))
    cut = draw(st.integers(1, count - 1))
    if draw(st.booleans()):
        chosen = draw(st.lists(st.integers(0, classes - 1), min_size=count, max_size=count))
        return "multiclass", np.eye(classes, dtype=int)[chosen], cut
    cells = st.lists(st.sampled_from([0, 1, UNKNOWN]), min_size=classes, max_size=classes)
    return "multilabel", np.array(draw(st.lists(cells, min_size=count, max_size=count))), cut


@given(
    batches(), st.sampled_from(["standard", "focal"]), st.booleans(), st.sampled_from([0.0, 0.3]), st.integers(0, 99)
)
def test_a_batch_in_parts_has_the_whole_batchs_loss(
    batch: tuple[Task, NDArray[np.int64], int], name: str, weighted: bool, smoothing: float, seed: int
) -> None:
    task, labels, cut = batch
    loss = loss_of(task, labels, name=name, class_weights=weighted, smoothing=smoothing)
    logits, target = logits_for(labels, seed), floats(labels)
    parts = [(logits[:cut], target[:cut]), (logits[cut:], target[cut:])]
    total = torch.stack([loss(part, known) * loss.weight(known) for part, known in parts]).sum()
    whole = loss.weight(target)
    assert torch.isclose(loss.weight(target[:cut]) + loss.weight(target[cut:]), whole)
    assert torch.allclose(total, loss(logits, target) * whole, atol=1e-5)


def test_the_hardest_images_with_several_labels_are_those_of_the_largest_mean_over_known_labels() -> None:
    loss = loss_of("multilabel", UNCERTAIN, hardest=0.5, class_weights=False)
    logits = torch.tensor([[-1.0, 2.0], [3.0, 9.0], [9.0, 1.0], [-2.0, 0.5], [9.0, 9.0]], requires_grad=True)
    # means over known labels: 1.72, 3.05, 0.31, 0.55; the last image has none, so 2 of 4 count
    hardest = [(np.log1p(np.exp(1)) + np.log1p(np.exp(2))) / 2, np.log1p(np.exp(3))]
    cost = loss(logits, floats(UNCERTAIN))
    assert np.isclose(float(cost.detach()), np.mean(hardest))
    (gradient,) = torch.autograd.grad(cost, logits)
    assert (gradient != 0).tolist() == [[True, True], [True, False], [False, False], [False, False], [False, False]]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.25, 0.28, 0.31, 0.7, 0.99])
def test_the_hardest_images_of_one_label_are_those_of_the_largest_weighted_loss(share: float) -> None:
    logits, target = logits_for(np.tile(ONE_OF_THREE, (5, 1))), floats(np.tile(ONE_OF_THREE, (5, 1)))
    weight = torch.from_numpy(class_weights(ONE_OF_THREE, 10))
    losses = F.cross_entropy(logits, target.argmax(1), weight=weight, reduction="none")
    count = {0.01: 1, 0.1: 5, 0.25: 13, 0.28: 14, 0.31: 16, 0.7: 35, 0.99: 50}[share]  # of 50, rounded up
    loss = loss_of("multiclass", ONE_OF_THREE, hardest=share)
    assert torch.allclose(loss(logits, target), losses.topk(count).values.mean())


@BOTH
def test_the_plain_loss_has_all_images_and_no_smoothing(task: Task, labels: NDArray[np.int64]) -> None:
    logits, target = logits_for(labels), floats(labels)
    trained = loss_of(task, labels, name="focal", hardest=0.4, smoothing=0.2)
    expected = loss_of(task, labels, name="focal")(logits, target)
    assert torch.equal(trained.plain()(logits, target), expected)
    assert not torch.isclose(trained(logits, target), expected)


@BOTH
@pytest.mark.parametrize("name", ["standard", "focal"])
@pytest.mark.parametrize("hardest", [1.0, 0.5])
def test_losses_are_computed_in_float32(task: Task, labels: NDArray[np.int64], name: str, hardest: float) -> None:
    loss, logits = loss_of(task, labels, name=name, hardest=hardest), logits_for(labels).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        cost = loss(logits, floats(labels))
    assert cost.dtype == torch.float32
    assert torch.equal(cost, loss(logits.float(), floats(labels)))
