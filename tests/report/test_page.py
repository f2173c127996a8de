"""The page: what a reader must be told is there, and nothing in a name breaks it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable

import pytest

from tests.report.made import NO_SHORTCUTS, page_of, table_of_results
from thaw.report.page import results_table
from thaw.report.results import Results
from thaw.report.subject import describe_split, describe_subject

SPLIT = {
    "by": "dataset",
    "seed": 4,
    "splits": {
        "train": {"patients": 70, "images": 700},
        "val": {"patients": 10, "images": 150},
        "test": {"patients": 60, "images": 150},
    },
    "notes": ["Hernia: absent from test"],
}
DATASET = {"title": "Phantom chest X-rays", "task": "multilabel", "classes": ["Mass"], "notices": ["Drawn."]}


def columns(line: str) -> int:
    """How many cells a line of a Markdown table has."""
    return line.replace("\\|", "").count("|") - 1


def test_the_page_says_what_limits_it(make_results: Callable[..., Results]) -> None:
    page = page_of(make_results())
    assert page.startswith("# Phantom chest X-rays (synthetic): freezing strategies compared\n")
    for line in (
        "- Split: patient 70/15/15 (seed 0), test 150 images of 60 patients.",
        "- Headline (metrics.json): full of resnet18.",
        "- Trained on cpu (fp32).",
        "- Drawn, not taken: says nothing about patients.",
        "- Not a medical device; for research only.",
        "- [figures/strategies.png](figures/strategies.png)",
    ):
        assert line in page.splitlines()
    assert "Left out" not in page


@pytest.mark.parametrize(("task", "words"), [("multilabel", "yes/no decisions"), ("multiclass", "likeliest class")])
def test_accuracy_is_explained_for_the_task(make_results: Callable[..., Results], task: str, words: str) -> None:
    assert words in page_of(make_results(task=task))


def test_the_selected_strategy_is_marked(make_results: Callable[..., Results]) -> None:
    results = make_results(selected="partial")
    lines = results_table(results, table_of_results(results)).splitlines()
    assert [line for line in lines if "(selected)" in line] == [line for line in lines if "partial" in line]
    assert len({len(line) for line in lines}) == 1, "columns are not aligned"


def test_undefined_is_empty_and_named(make_results: Callable[..., Results]) -> None:
    results = make_results(selected="frozen")
    for result in results.cells:
        result.metrics["auroc"]["Hernia"] = None
        result.metrics["auroc_macro"] = None
    page = page_of(results)
    assert any(
        line.startswith("- Left out of the macro AUROC") and line.endswith(": Hernia.") for line in page.split("\n")
    )
    assert "nan" not in page.lower()
    assert "None" not in page


@pytest.mark.parametrize("name", ["<b>|x", "a\\|b", "*x*", "[y](z)", "two\nlines", "`"])
def test_no_class_name_breaks_a_table(make_results: Callable[..., Results], name: str) -> None:
    page = page_of(make_results(classes=(name, "Mass")))
    lines = page.split("## Class by class")[1].split("## Operating points")[0].splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 4
    assert {columns(line) for line in table} == {8}
    assert "<b>" not in page


def test_several_devices_are_named_with_a_warning(make_results: Callable[..., Results]) -> None:
    results = make_results()
    other = dataclasses.replace(results.cells[0], cost={**results.cells[0].cost, "device": "H100", "precision": "bf16"})
    page = page_of(dataclasses.replace(results, cells=(other, *results.cells[1:])))
    assert "Trained on H100 (bf16) and cpu (fp32); seconds and memory do not compare across them." in page


def test_a_synthetic_dataset_says_so_once() -> None:
    assert describe_subject({**DATASET, "synthetic": True}, SPLIT).title == "Phantom chest X-rays (synthetic)"
    assert describe_subject({**DATASET, "synthetic": False}, SPLIT).title == "Phantom chest X-rays"
    named = {**DATASET, "title": "Synthetic chests", "synthetic": True}
    assert describe_subject(named, SPLIT).title == "Synthetic chests"


def test_limits_are_those_of_the_dataset_and_of_the_split() -> None:
    assert describe_subject({**DATASET, "synthetic": True}, SPLIT).limits == ("Drawn.", "Hernia: absent from test")


def test_the_split_line_gives_shares_of_the_images() -> None:
    assert describe_split(SPLIT) == "dataset 70/15/15 (seed 4), test 150 images of 60 patients"


def test_the_verdict_comes_first_and_warnings_before_it(make_results: Callable[..., Results]) -> None:
    telling = copy.deepcopy(NO_SHORTCUTS)
    telling["probes"]["brightness"] |= {"auroc_macro": 0.9, "high": 0.95}
    telling["patients"] |= {"crossing": 2, "leaking_test_images": 5}
    lines = [line for line in page_of(make_results(), telling).splitlines() if line]
    assert lines[1] == "## Verdict"
    assert lines[2].startswith("- **Warning:** 2 patients are in more than one split; 5 of 40 test images")
    assert "mean, spread and quantiles of gray give a linear probe macro AUROC 0.900" in lines[3]
    assert lines[4].startswith("**resnet18: ")


def test_every_pair_is_compared_and_every_section_is_there(make_results: Callable[..., Results]) -> None:
    page = page_of(make_results(models=("resnet18", "resnet50")))
    table = page.split("## Differences between strategies")[1].split("###")[0]
    pairs = [[cell.strip() for cell in line.strip("|").split("|")][:3] for line in table.splitlines() if "|" in line]
    each = [["frozen", "partial"], ["frozen", "full"], ["partial", "full"]]
    assert pairs[2:] == [[model, *pair] for model in ("resnet18", "resnet50", "all models") for pair in each]
    for title in ("Operating points", "Calibration (platt)", "Prediction sets", "Groups of patients"):
        assert f"## {title}\n" in page
    assert "**Over all models: " in page
