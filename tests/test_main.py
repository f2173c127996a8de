from __future__ import annotations

import sys
from pathlib import Path

import pytest

from thaw.__main__ import main, phase_table
from thaw.backbones.classifier import build_classifier
from thaw.errors import UserError
from thaw.params.schema import Phase

ROOT = Path(__file__).parents[1]


def test_the_table_says_what_is_trained_and_how_fast() -> None:
    phase = Phase.model_validate({"thaw": {"last": 1}, "epochs": 2, "lr": 0.01, "backbone_lr": 0.1})
    table = phase_table(build_classifier("resnet18", 14, 0), phase).set_index("block")
    assert list(table.index) == ["stem", "layer1", "layer2", "layer3", "layer4", "head"]
    assert table.loc["layer3"].tolist() == ["2,099,712", "0", "frozen", "keeps its statistics"]
    assert table.loc["layer4"].tolist() == ["8,393,728", "8,393,728", "0.001", "updates"]
    assert table.loc["head"].tolist() == ["7,182", "7,182", "0.01", "none"]


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
