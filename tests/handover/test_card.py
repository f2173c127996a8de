"""The card: it says what the files say, plainly, escaped, and what is undefined stays empty."""

from __future__ import annotations

import copy
import dataclasses
import re
from typing import Any

import pytest

from tests.handover.made import CLASSES, made_facts
from thaw.cells import Cell
from thaw.handover.card import model_card
from thaw.handover.wording import thawed
from thaw.labels import Task

SECTIONS = [
    "## Model details", "### What was thawed", "## Intended use", "## Factors", "## Metrics", "## Evaluation data",
    "## Training data", "## Quantitative analyses", "### Over all classes", "### Class by class", "### Calibration",
    "### Prediction sets", "### Groups of patients", "## Ethical considerations, caveats and recommendations",
    "## How to use it",
]  # fmt: skip


def rows(card: str, heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its header."""
    lines = card.split(f"{heading}\n")[1].split("\n#")[0].splitlines()
    table = [line for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table[2:]]


def without_numbers(value: Any) -> Any:
    """The same with every number that may be undefined left out."""
    if isinstance(value, dict):
        kept = {"resamples", "confidence", "patients", "images", "minimum", "promised"}
        counts = {"true_positives", "false_negatives"}
        return {key: part if key in kept | counts else without_numbers(part) for key, part in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], float):
        return None
    return None if isinstance(value, float) else value


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_the_card_has_the_sections_of_the_paper_and_nothing_undefined(task: Task) -> None:
    card = model_card(made_facts(task))
    assert [line for line in card.splitlines() if line.startswith("##")] == SECTIONS
    assert card.startswith("# resnet18, strategy progressive: Phantom &lt;chest&gt; X-rays (synthetic)\n\n")
    assert not re.search(r"\b(None|nan|Undefined)\b|\{|<b>", card)


def test_the_card_says_what_was_done_and_on_what() -> None:
    lines = model_card(made_facts()).splitlines()
    for line in (
        "**Not a medical device; for research only.**",
        "- Backbone: resnet18, 11,000,000 parameters, of which training changed 2,000,000; it began with pretrained "
        "weights.",
        "- Strategy progressive, seed 0: the weights of epoch 4 of 5, the best by validation AUROC.",
        "- Made with thaw 0.1.0 on CPU, 2 threads (bf16) in 1,234.5 seconds.",
        "- Input: a gray picture of 64 x 64 pixels, black 0, white 1, the whole X-ray, resized (bicubic, antialiased).",
        "- Test images of the set that it was trained on. Split: patient 67/14/19 (seed 3), test 40 images of 20 "
        "patients.",
        "- Phantom &lt;chest&gt; X-rays (synthetic): 210 images of 105 patients in all.",
        "- drawn, not &lt;taken&gt;",
        r"- &lt;b&gt;Effusion\|: absent from val",
    ):
        assert line in lines, line
    assert any("it has never seen an X-ray" in line for line in lines)
    assert "- No group of patients is large enough to be measured by itself." in lines  # 20 images, 30 are needed


def test_phases_are_told_block_by_block() -> None:
    assert rows(model_card(made_facts()), "### What was thawed") == [
        ["1", "head", "head", "", "3", "0.01"],
        [
            "2", "head, last 2 blocks and normalisation layers", "layer4, head",
            "begins with the last epoch before; rate: step 1; BatchNorm statistics estimated anew first", "2",
            "0.0005 to 0.001",
        ],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("thaw", "words"),
    [
        (["all"], "everything"),
        ([{"from": "layer3"}], "head and layer3 with all blocks after it"),
        ([{"last": 0}], "head"),
        (["bias"], "head and biases"),
        ({"first": 0, "final": 4}, "head and last 0 to 4 blocks, one more at a time"),
    ],
)
def test_what_is_thawed_in_words(thaw: Any, words: str) -> None:
    assert thawed(thaw) == words


def test_figures_are_those_of_the_details() -> None:
    facts = made_facts()
    details = facts.details
    metrics, intervals = details["metrics"], details["intervals"]
    low, high = intervals["auroc_macro"]
    card = model_card(facts)
    assert rows(card, "### Over all classes")[0] == [
        "AUROC, macro", f"{metrics['auroc_macro']:.3f} ({low:.3f} to {high:.3f})",
    ]  # fmt: skip
    by_class = rows(card, "### Class by class")
    assert [row[0] for row in by_class] == ["Mass", r"&lt;b&gt;Effusion\|"]
    assert [row[1] for row in by_class] == ["20", "20"]
    for name, row in zip(CLASSES, by_class, strict=True):
        low, high = intervals["auroc"][name]
        assert row[2] == f"{metrics['auroc'][name]:.3f} ({low:.3f} to {high:.3f})"
        assert row[3].startswith(f"{facts.rule['thresholds'][name]:.3f}")
    errors = rows(card, "### Calibration")
    before, after = (details["calibration"][when]["nll"] for when in ("before", "after"))
    assert errors[2] == ["log loss", f"{before:.3f}", f"{after:.3f}"]


def test_prediction_sets_say_whether_they_held() -> None:
    facts = made_facts()
    card = model_card(facts)
    given = [name for name, found in facts.details["conformal"].items() if found["reason"] is None]
    assert given
    assert [row[0] for row in rows(card, "### Prediction sets")] == [name.replace("_", " ") for name in given]
    broken = copy.deepcopy(facts.details)
    broken["promise"][given[0]]["held"] = False
    card = model_card(dataclasses.replace(facts, details=broken))
    assert rows(card, "### Prediction sets")[0][-1] == "NO"
    assert "- Prediction sets that did not keep their promise" in card


def test_groups_and_gaps_are_shown_where_they_were_measured() -> None:
    facts = made_facts()
    details = copy.deepcopy(facts.details)
    group = copy.deepcopy(details["subgroups"]["groups"]["all"])
    gap = {
        "worst": "sex=<F>", "best": "sex=M", "worst_value": 0.7, "best_value": 0.8, "gap": 0.1,
        "interval": [0.05, 0.15], "p_value": 0.04, "reason": None,
    }  # fmt: skip
    none = {"reason": "too few"}
    details["subgroups"]["groups"] |= {name: group | {"factors": ["sex"]} for name in ("sex=<F>", "sex=M")}
    details["subgroups"]["gaps"] = {
        "sex": {"auroc": gap, "true_positive_rate": none, "false_positive_rate": none, "underdiagnosis_rate": none}
    }
    card = model_card(dataclasses.replace(facts, details=details))
    assert "- Measured by themselves: sex=&lt;F&gt; and sex=M, and every two of these that have enough images." in card
    assert rows(card, "### Groups of patients")[-1] == [
        "sex", "macro AUROC", "sex=&lt;F&gt; 0.700", "sex=M 0.800", "0.100 (0.050 to 0.150)", "0.040",
    ]  # fmt: skip


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_a_card_without_any_figure_is_still_a_card(task: Task) -> None:
    facts = made_facts(task)
    rule = {**facts.rule, "thresholds": dict.fromkeys(CLASSES)}
    rule["calibration"] = {"method": "platt", "task": task, "parameters": {"not_fitted": [1]}}
    cost = facts.cost | dict.fromkeys(("seconds",))
    card = model_card(dataclasses.replace(facts, details=without_numbers(facts.details), rule=rule, cost=cost))
    assert not re.search(r"\b(None|nan)\b", card)
    assert r"- No threshold could be fitted for Mass and &lt;b&gt;Effusion\|: never decided to be present." in card
    assert r"- Not calibrated, since validation images could not say how: &lt;b&gt;Effusion\|." in card


def test_a_leaking_split_is_said_first() -> None:
    facts = made_facts(training_set={"train_images": 140, "patient_overlap": 0.25})
    card = model_card(facts)
    assert card.index("**The split leaks") < card.index("## Model details")
    assert "- 25.0% of the test images show a patient who was trained on: every figure is too good." in card


def test_a_fold_and_a_subset_are_named() -> None:
    facts = made_facts(cell=Cell("resnet18", "full", 1, fold=2, subset=100))
    parts = [{"images": 70, "patients": 30}, {"images": 71, "patients": 31}, {"images": 69, "patients": 32}]
    card = model_card(dataclasses.replace(facts, split={**facts.split, "folds": parts}))
    assert "Strategy full, seed 1, fold 2:" in card
    assert "Split: patient, fold 2 of 3, test 71 images of 31 patients." in card
    assert "Trained on 140 images (fewer than there are, on purpose);" in card
    assert "models/resnet18/full.fold2.100/1" in card
    assert "Share of the images that have each class" not in card
