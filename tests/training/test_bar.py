from __future__ import annotations

import io

import pytest

from thaw.training.bar import TrainingBar
from thaw.training.outlook import costs_of_phase


def test_kept_views_are_cheap_from_when_they_come_again() -> None:
    assert costs_of_phase([0.1] * 4, None, 100, 20) == pytest.approx([140, 140, 140, 140])
    assert costs_of_phase([0.1] * 4, 2, 100, 20) == pytest.approx([140, 122, 32, 32])
    assert costs_of_phase([1.0] * 2, 1, 100, 20) == pytest.approx([320, 320])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_moves_by_cost_and_passes_over_what_patience_spared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    bar = TrainingBar([[8.0, 2.0], [10.0]])
    places = []
    for phase, epoch, share in ((1, 0, 0.5), (1, 1, 1.0), (2, 0, 0.1)):
        bar.move(phase, epoch, share)
        places.append(bar._bar.n)
    bar.end_phase(2)
    assert [*places, bar._bar.n] == [4.0, 10.0, 11.0, 20.0]
    bar.end_epoch(1234.5)
    bar.close()
    assert "epoch 3 of 3: 100%" in terminal.getvalue()
    assert "1,234 images/s" in terminal.getvalue()


def test_the_bar_is_quiet_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    bar = TrainingBar([[1.0]])
    bar.move(1, 0, 1.0)
    bar.close()
    assert capsys.readouterr().err == ""
