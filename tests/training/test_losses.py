"""Losses and their weights against published formulas and scikit-learn."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.utils.class_weight import compute_class_weight

from thaw.labels import UNKNOWN
from thaw.training.losses import class_weights, make_loss, positive_weights

CPU = torch.device("cpu")
ONE_OF_THREE = np.eye(3, dtype=int)[[0] * 6 + [1] * 3 + [2]]


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


def test_weighted_bce_is_its_formula() -> None:
    labels = np.array([[1, 0], [0, 1], [0, 1], [0, 1]])
    logits = torch.tensor([[0.3, -1.0], [2.0, 0.1], [-0.4, 0.0], [1.0, 1.0]])
    target = torch.from_numpy(labels).float()
    p, weight = torch.sigmoid(logits), torch.tensor([3.0, 1 / 3])
    by_hand = -(weight * target * p.log() + (1 - target) * (1 - p).log()).mean()
    assert torch.allclose(make_loss("multilabel", labels, True, 10, CPU)(logits, target), by_hand)


def test_weighted_cross_entropy_is_its_formula() -> None:
    logits = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))
    target = torch.from_numpy(ONE_OF_THREE).float()
    weight = torch.tensor(class_weights(ONE_OF_THREE, 10))[ONE_OF_THREE.argmax(1)]
    losses = -(logits.log_softmax(1) * target).sum(1)
    by_hand = (weight * losses).sum() / weight.sum()
    assert torch.allclose(make_loss("multiclass", ONE_OF_THREE, True, 10, CPU)(logits, target), by_hand)
    assert torch.allclose(make_loss("multiclass", ONE_OF_THREE, False, 10, CPU)(logits, target), losses.mean())


def test_unknown_labels_have_no_part_in_loss_weights_and_gradient() -> None:
    labels = np.array([[1, 0], [0, UNKNOWN], [UNKNOWN, 1], [0, 0]])
    assert positive_weights(labels, 10).tolist() == [2, 2]
    logits = torch.tensor([[0.3, -1], [2, 5], [-4, 0.5], [1, 1]], requires_grad=True)
    loss = make_loss("multilabel", labels, True, 10, CPU)(logits, torch.tensor(labels).float())
    known = [(0, 0), (0, 1), (1, 0), (2, 1), (3, 0), (3, 1)]
    # binary cross-entropy by hand, positives weighing 2
    single = [2 * np.log1p(np.exp(-x)) if labels[place] else np.log1p(np.exp(x))
              for place in known if (x := float(logits.detach()[place])) is not None]  # fmt: skip
    assert np.isclose(float(loss), np.mean(single))
    loss.backward()
    assert [place for place in np.ndindex(4, 2) if logits.grad[place] == 0] == [(1, 1), (2, 0)]


def test_a_batch_without_any_known_label_costs_nothing() -> None:
    labels = np.array([[UNKNOWN], [UNKNOWN]])
    loss = make_loss("multilabel", labels, False, 10, CPU)
    assert float(loss(torch.ones(2, 1), torch.tensor(labels).float())) == 0
