from __future__ import annotations

from pathlib import Path

import pytest
import torch

from thaw.backbones.classifier import build_classifier
from thaw.errors import UserError
from thaw.training.saved import load_model, save_model

DESCRIPTION = {
    "model": "resnet18", "classes": ["a", "b", "c"], "seed": 4, "task": "multilabel", "input": {"size": [64, 64]},
}  # fmt: skip


def test_a_model_comes_back_as_it_was(tmp_path: Path) -> None:
    classifier = build_classifier("resnet18", 3, seed=1).eval()
    save_model(tmp_path / "cell", classifier, DESCRIPTION)
    loaded, description = load_model(tmp_path / "cell")
    assert description == DESCRIPTION
    images = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        assert torch.equal(loaded.eval()(images), classifier(images))


def test_the_same_model_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        save_model(tmp_path / name, build_classifier("resnet18", 3, seed=1), DESCRIPTION)
    for file in ("weights.safetensors", "model.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no trained model"):
        load_model(tmp_path)


def test_a_head_of_other_labels_is_told(tmp_path: Path) -> None:
    save_model(tmp_path, build_classifier("resnet18", 14, seed=1), {**DESCRIPTION, "classes": ["x"] * 15})
    with pytest.raises(UserError, match=r"does not fit this network and these labels: .*fc\.weight .*14.*15"):
        load_model(tmp_path)
