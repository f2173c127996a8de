"""Tables: what a cell shows, and what it is sorted by."""

from __future__ import annotations

from tests.report.html.made import made_facts, made_results
from thaw.report.html.blocks import BLANK, UNDEFINED, Cell, Table
from thaw.report.html.strategies import differences, strategies
from thaw.report.html.tables import estimate, number, table


def test_numbers_keep_their_digits_for_sorting() -> None:
    assert number(0.81239) == Cell("0.812", sort=0.81239)
    assert number(17934.0, 0) == Cell("17,934", sort=17934.0)
    assert number(float("nan")) == number(None) == UNDEFINED
    assert estimate(0.5, (0.25, None)) == Cell("0.500", sort=0.5)
    assert estimate(-0.0512, (-0.1, 0.02), sign=True) == Cell("-0.051", "-0.100 to 0.020", -0.0512)


def test_a_column_is_sorted_by_number_where_all_its_cells_have_one() -> None:
    rows = [
        {"class": "a", "value": number(1.0), "rare": BLANK, "word": Cell("both")},
        {"class": "b", "value": UNDEFINED, "rare": Cell("yes", sort=1), "word": BLANK},
    ]
    made = table("Made up", rows)
    assert made == Table(
        "Made up", ["class", "value", "rare", "word"], [list(map(_cell, row.values())) for row in rows], 1
    )
    assert made.numeric == [False, True, True, False]
    assert made.sortable
    assert not table("One", rows[:1]).sortable


def _cell(one: Cell | str) -> Cell:
    return one if isinstance(one, Cell) else Cell(one)


def test_the_strategy_table_has_intervals_costs_and_the_selected_one() -> None:
    results = made_results(("Mass", "Effusion", "Hernia"), "multilabel", ("resnet18",))
    made = strategies(made_facts(results)).blocks[0]
    assert made.columns == [
        "strategy", "AUROC", "average precision", "F1", "accuracy", "seconds", "GiB", "parameters", "trained",
        "front",
    ]  # fmt: skip
    assert [(row[0].text, row[0].badge) for row in made.rows] == [("frozen", ""), ("full", "selected")]
    assert [row[1].text for row in made.rows] == ["0.700", "0.710"]
    assert all(" to " in row[1].ends for row in made.rows)
    assert [row[5].sort for row in made.rows] == [12.0, 151.0]
    several = strategies(made_facts(made_results(("A", "B", "C"), "multilabel", ("resnet18",), (0, 1)))).blocks[0]
    assert several.columns[2:4] == ["SD", "seeds"]
    assert {row[1].ends for row in several.rows} == {""}


def test_differences_name_every_pair_and_are_left_out_where_there_is_none() -> None:
    results = made_results(("Mass", "Effusion", "Hernia"), "multilabel")
    made = differences(made_facts(results)).blocks[0]
    named = [[cell.text for cell in row[:3]] for row in made.rows]
    assert named == [[model, "frozen", "full"] for model in ("resnet18", "resnet50", "all models")]
    alone = made_results(("Mass", "Effusion", "Hernia"), "multilabel", ("resnet18",))
    assert differences(made_facts(_only_full(alone))) is None


def _only_full(results):
    cells = tuple(cell for cell in results.cells if cell.cell.strategy == "full")
    return type(results)(results.subject, cells, "full")
