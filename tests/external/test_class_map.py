from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thaw.errors import UserError
from thaw.external.class_map import ClassMap
from thaw.labels import UNKNOWN

KAGGLE = ("NORMAL", "PNEUMONIA")
COVID = ("ARDS", "COVID-19", "Tuberculosis")
# rows of the covid table: COVID-19, ARDS with COVID-19, tuberculosis, nothing, tuberculosis with COVID-19
COVID_ROWS = [[0, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 0], [0, 1, 1]]


def mapped(rows: Any, class_map: ClassMap) -> list[list[int]]:
    result: list[list[int]] = class_map.checked("other").labels(np.array(rows, dtype=np.int8)).tolist()
    return result


def test_nih_findings_on_the_kaggle_set_are_known_for_the_mapped_finding_alone() -> None:
    nih = ClassMap(
        {"Pneumonia": ["PNEUMONIA"]}, ("Mass", "Pneumonia", "Edema"), "multilabel", KAGGLE, "multiclass"
    )  # fmt: skip
    assert mapped([[1, 0], [0, 1]], nih) == [[-1, 0, -1], [-1, 1, -1]]


def test_a_softmax_of_which_one_class_is_named_asks_that_class_against_the_rest() -> None:
    one = ClassMap({"PNEUMONIA": ["COVID-19", "ARDS"]}, KAGGLE, "multiclass", COVID, "multilabel")
    assert mapped(COVID_ROWS, one) == [[-1, 1], [-1, 1], [-1, 0], [-1, 0], [-1, 1]]


def test_a_softmax_of_which_all_classes_are_named_leaves_out_images_of_none_of_them() -> None:
    meanings = {"PNEUMONIA": ["COVID-19", "ARDS"], "NORMAL": ["No Finding"]}
    both = ClassMap(meanings, KAGGLE, "multiclass", COVID, "multilabel")
    assert mapped(COVID_ROWS, both) == [[0, 1], [0, 1], [-1, -1], [1, 0], [0, 1]]


def test_a_softmax_leaves_out_images_of_two_of_its_classes() -> None:
    classes = ("NORMAL", "PNEUMONIA", "TUBERCULOSIS")
    meanings = {"PNEUMONIA": ["COVID-19"], "TUBERCULOSIS": ["Tuberculosis"]}
    three = ClassMap(meanings, classes, "multiclass", COVID, "multilabel")
    assert mapped(COVID_ROWS, three) == [[-1, 1, 0], [-1, 1, 0], [-1, 0, 1], [-1, 0, 0], [-1, -1, -1]]


def test_an_unknown_label_leaves_open_what_no_other_meaning_decides() -> None:
    any_of = ClassMap({"Opacity": ["a", "b"]}, ("Opacity",), "multilabel", ("a", "b"), "multilabel")
    assert mapped([[1, -1], [0, -1], [-1, -1], [0, 0]], any_of) == [[1], [-1], [-1], [0]]
    nothing = ClassMap({"Clear": ["No Finding"]}, ("Clear",), "multilabel", ("a", "b"), "multilabel")
    assert mapped([[1, -1], [0, -1], [-1, -1], [0, 0]], nothing) == [[0], [-1], [-1], [1]]


def test_a_certain_class_of_a_softmax_excludes_the_others() -> None:
    both = ClassMap({"NORMAL": ["a"], "PNEUMONIA": ["b"]}, KAGGLE, "multiclass", ("a", "b"), "multilabel")
    assert mapped([[1, -1], [0, -1]], both) == [[1, 0], [-1, -1]]


def test_no_finding_is_the_sets_own_class_where_it_has_one() -> None:
    own = ClassMap({"Clear": ["No Finding"]}, ("Clear",), "multilabel", ("a", "No Finding"), "multilabel")
    assert mapped([[0, 0], [0, 1]], own) == [[0], [1]]


def test_counts_are_of_the_named_classes() -> None:
    both = ClassMap({"PNEUMONIA": ["COVID-19"], "NORMAL": ["No Finding"]}, KAGGLE, "multiclass", COVID, "multilabel")
    labels = both.labels(np.array(COVID_ROWS, dtype=np.int8))
    assert both.counts(labels) == {
        "PNEUMONIA": {"with": 3, "without": 1, "unknown": 1},
        "NORMAL": {"with": 1, "without": 3, "unknown": 1},
    }


@pytest.mark.parametrize(
    ("meanings", "other_task", "message"),
    [
        (
            {"PNEUMONA": ["COVID-19"]}, "multilabel",
            r"classes: the model has no class 'PNEUMONA'; use one of NORMAL, PNEUMONIA \(did you mean 'PNEUMONIA'\?\)",
        ),
        (
            {"PNEUMONIA": ["COVID19"]}, "multilabel",
            r"classes\.PNEUMONIA: the set has no class 'COVID19'; use one of ARDS, COVID-19, Tuberculosis, No Finding "
            r"\(did you mean 'COVID-19'\?\)",
        ),
        (
            {"NORMAL": ["No Finding"]}, "multiclass",
            r"classes\.NORMAL: the set has no class 'No Finding'; use one of ARDS, COVID-19, Tuberculosis",
        ),
        (
            {"PNEUMONIA": ["ARDS"], "NORMAL": ["ARDS"]}, "multilabel",
            r"classes: 'ARDS' stands under PNEUMONIA and NORMAL; the model gives one class an image, .*",
        ),
    ],
)  # fmt: skip
def test_wrong_maps_are_one_line(meanings: dict[str, list[str]], other_task: Any, message: str) -> None:
    with pytest.raises(UserError, match=f"^evaluate.external other: {message}$"):
        ClassMap(meanings, KAGGLE, "multiclass", COVID, other_task).checked("other")


def test_a_meaning_may_serve_two_findings_of_a_model_of_several_labels() -> None:
    meanings = {"Pneumonia": ["PNEUMONIA"], "Infiltration": ["PNEUMONIA"]}
    two = ClassMap(meanings, ("Infiltration", "Pneumonia"), "multilabel", KAGGLE, "multiclass")
    assert mapped([[1, 0], [0, 1]], two) == [[0, 0], [1, 1]]


@given(st.lists(st.lists(st.sampled_from([UNKNOWN, 0, 1]), min_size=3, max_size=3), min_size=1, max_size=20))
def test_a_softmax_never_gets_two_classes_nor_a_label_without_evidence(rows: list[list[int]]) -> None:
    meanings = {"PNEUMONIA": ["COVID-19"], "NORMAL": ["No Finding"]}
    both = ClassMap(meanings, KAGGLE, "multiclass", COVID, "multilabel")
    labels = np.array(mapped(rows, both))
    assert ((labels == 1).sum(axis=1) <= 1).all()
    known = (labels != UNKNOWN).all(axis=1)
    assert (known | (labels == UNKNOWN).all(axis=1)).all()
    covid, any_finding = np.array(rows)[:, 1] == 1, (np.array(rows) == 1).any(axis=1)
    assert (labels[known, 1] == covid[known]).all()
    assert (labels[known, 0] == ~any_finding[known]).all()
