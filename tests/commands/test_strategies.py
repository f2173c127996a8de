from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from thaw.__main__ import main
from thaw.backbones.classifier import build_classifier
from thaw.commands.strategies import describe, plan_table
from thaw.errors import UserError
from thaw.params.strategy import Phase
from thaw.strategies import plans

ROOT = Path(__file__).parents[2]


def table_of(thaw: Any, **more: Any) -> pd.DataFrame:
    phase = Phase.model_validate({"thaw": thaw, "epochs": 2, "lr": 0.01, **more})
    classifier = build_classifier("resnet18", 14, 0)
    return plan_table(classifier, plans(classifier, phase)[0], phase.adapt_norm).set_index("block")


def test_the_table_says_what_is_trained_and_how_fast() -> None:
    table = table_of({"last": 1}, backbone_lr=0.1)
    assert list(table.index) == ["stem", "layer1", "layer2", "layer3", "layer4", "head"]
    assert table.loc["layer3"].tolist() == ["2,099,712", "0", "frozen", "keeps its statistics"]
    assert table.loc["layer4"].tolist() == ["8,393,728", "8,393,728", "0.001", "updates"]
    assert table.loc["head"].tolist() == ["7,182", "7,182", "0.01", "none"]


def test_the_table_counts_parts_of_blocks() -> None:
    assert table_of("norm").loc["stem"].tolist() == ["9,536", "128", "0.01", "updates"]
    assert table_of("bias").loc["stem"].tolist() == ["9,536", "64", "0.01", "keeps its statistics"]
    assert table_of("head", adapt_norm=True).loc["stem"].tolist() == [
        "9,536",
        "0",
        "frozen",
        "estimated anew, then kept",
    ]


def test_a_range_is_shown_step_by_step() -> None:
    phase = Phase.model_validate({"thaw": {"last": "0..2"}, "epochs": 4, "lr": 0.01})
    shown = describe("resnet18", build_classifier("resnet18", 2, 0), "gradual", [phase])
    headings = [line for line in shown.splitlines() if line.startswith("resnet18")]
    assert headings == [f"resnet18, gradual, phase 1 of 1, epochs {place}" for place in ("1 to 2", "3 to 3", "4 to 4")]


def test_strategies_are_printed_without_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["thaw", "strategies", "progressive", "--model", "resnet18"])
    main()
    shown = capsys.readouterr().out
    assert "resnet18, progressive, phase 2 of 2" in shown
    assert "frozen, phase" not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--model", "resnet19"], "resnet18"), (["frozn"], "did you mean 'frozen'")],
)
def test_an_unknown_name_is_one_line(monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["thaw", "strategies", *arguments])
    with pytest.raises(UserError, match=message):
        main()
