"""The dispatcher: every benchmark has a module, options and help; what is printed and recorded."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

import pytest

from bench import __main__ as dispatcher
from bench.measure import Table


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run ``python -m bench`` in this process."""
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    dispatcher.main()


def test_the_help_lists_every_benchmark(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, "--help")
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for name, what in dispatcher.BENCHMARKS.items():
        assert f"\n  {name:<11} {what}\n" in shown


@pytest.mark.parametrize("name", dispatcher.BENCHMARKS)
def test_every_benchmark_has_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, name, "--help")
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: python -m bench {name} ")
    assert "--quick" in shown
    assert "--no-record" in shown


def test_an_unknown_benchmark_is_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, "limits")
    assert caught.value.code == 2
    assert "limit" in capsys.readouterr().err


class Made:
    """A benchmark of one table, or none."""

    def __init__(self, tables: list[Table]) -> None:
        self.tables = tables

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--images", type=int, default=1)

    def measure(self, given: argparse.Namespace) -> list[Table]:
        return [Table(f"{table.title} of {given.images}", table.columns, table.rows) for table in self.tables]


@pytest.mark.parametrize(
    ("options", "recorded"), [((), True), (("--images", "7"), True), (("--quick",), False), (("--no-record",), False)]
)
def test_what_is_printed_is_recorded_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, options: tuple[str, ...],
    recorded: bool,
) -> None:  # fmt: skip
    results = tmp_path / "RESULTS.md"
    results.write_text("# Results\n")
    made = Made([Table("Seconds", ("what",), [["all"]])])
    monkeypatch.setattr(importlib, "import_module", lambda _: made)
    monkeypatch.setattr(dispatcher, "RESULTS", results)
    monkeypatch.setattr(dispatcher, "environment", lambda: "A machine.")
    run(monkeypatch, "start-up", *options)
    shown = capsys.readouterr().out
    assert shown.startswith(f"## `{' '.join(['python', '-m', 'bench', 'start-up', *options])}` (")
    assert f"A machine.\n\n### Seconds of {7 if '7' in options else 1}\n" in shown
    assert results.read_text().rstrip() == (f"# Results\n\n{shown}".rstrip() if recorded else "# Results")


def test_a_benchmark_that_cannot_run_here_records_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib, "import_module", lambda _: Made([]))
    monkeypatch.setattr(dispatcher, "RESULTS", tmp_path / "none.md")
    run(monkeypatch, "gpu")
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "none.md").exists()
