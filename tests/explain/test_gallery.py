"""The images that are shown: the whole gallery of small tables, and every row is of its kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.explain.decisions import decisions
from thaw.explain.gallery import COLUMNS, choose_images, read_gallery
from thaw.files import write_csv
from thaw.labels import UNKNOWN

IMAGES = ["b", "a", "c", "e", "d", "f", "g"]
LABELS = [[1, 1], [1, 0], [1, 1], [0, 0], [0, 1], [0, 0], [UNKNOWN, 1]]
AFTER = [[0.9, 0.9], [0.9, 0.1], [0.2, 0.9], [0.7, 0.1], [0.1, 0.9], [0.1, 0.1], [0.99, 0.9]]
BEFORE = [[0.9, 0.1], [0.8, 0.9], [0.8, 0.1], [0.4, 0.9], [0.3, 0.1], [0.2, 0.9], [0.1, 0.1]]


def rows(table: pd.DataFrame) -> list[str]:
    assert list(table) == COLUMNS
    assert set(table["model"]) <= {"m"}
    return [f"{row['class']} {row['kind']} {row['place']} {row['image']}" for row in table.to_dict("records")]


def test_the_surest_of_each_kind_then_what_changed() -> None:
    # Edema has no threshold, the last image no label for Mass; a and b, d and f are equal
    reference = decisions(IMAGES, LABELS, AFTER, [0.5, None])
    table = choose_images("m", decisions(IMAGES, LABELS, BEFORE, [0.5, 0.5]), reference, 2)
    assert rows(table) == [
        "Mass true_positive 1 a", "Mass true_positive 2 b",
        "Mass false_positive 1 e",
        "Mass false_negative 1 c",
        "Mass true_negative 1 d", "Mass true_negative 2 f",
        "Mass changed 1 c", "Mass changed 2 e",
    ]  # fmt: skip


def test_with_one_label_an_image_the_likeliest_class_counts() -> None:
    classes, labels = ("NORMAL", "TB"), [[1, 0], [0, 1], [0, 1]]
    before = decisions("xyz", labels, [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], [0.01, None], classes, "multiclass")
    after = decisions("xyz", labels, [[0.7, 0.3], [0.3, 0.7], [0.8, 0.2]], [0.01, None], classes, "multiclass")
    assert rows(choose_images("m", before, after, 1)) == [
        "NORMAL true_positive 1 x", "NORMAL false_positive 1 z", "NORMAL true_negative 1 y", "NORMAL changed 1 z",
        "TB true_positive 1 y", "TB false_negative 1 z", "TB true_negative 1 x", "TB changed 1 z",
    ]  # fmt: skip


def test_a_strategy_beside_itself_changed_nothing() -> None:
    reference = decisions(IMAGES, LABELS, AFTER, [0.5, 0.5])
    assert set(choose_images("m", reference, reference, 1)["kind"]) == {
        "true_positive", "false_positive", "false_negative", "true_negative",
    }  # fmt: skip


def test_what_the_first_strategy_did_not_decide_cannot_have_changed() -> None:
    first = decisions(IMAGES, LABELS, BEFORE, [None, 0.5])
    table = choose_images("m", first, decisions(IMAGES, LABELS, AFTER, [0.5, 0.5]), 1)
    assert set(table[table["kind"] == "changed"]["class"]) == {"Edema"}


def test_nothing_decided_gives_an_empty_gallery() -> None:
    reference = decisions(IMAGES, LABELS, AFTER, [None, None])
    assert rows(choose_images("m", reference, reference, 3)) == []


def test_classes_and_images_are_text_when_read_back(tmp_path: Path) -> None:
    reference = decisions(["01", "NA"], [[1, 0], [0, 1]], [[0.9, 0.1], [0.1, 0.9]], [0.5, 0.5], ("007", "NA"))
    table = choose_images("m", reference, reference, 1)
    write_csv(tmp_path / "gallery.csv", pd.concat([table, table.assign(model="other")]))
    pd.testing.assert_frame_equal(read_gallery(tmp_path / "gallery.csv", "m"), table, check_dtype=False)


PROBABILITIES = st.sampled_from([0.1, 0.25, 0.5, 0.6, 0.9])  # no two differences across 0.5 are equal
CASES = st.lists(
    st.tuples(st.sampled_from([0, 1, UNKNOWN]), PROBABILITIES, PROBABILITIES), min_size=1, max_size=12
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(CASES, st.integers(1, 4))
def test_every_row_is_of_its_kind_and_none_that_comes_before_is_left_out(
    cases: list[tuple[int, float, float]], examples: int
) -> None:
    images = [f"i{number}" for number in np.random.default_rng(0).permutation(len(cases))]
    labels = [[label] for label, _, _ in cases]
    before, after = (decisions(images, labels, [[case[at]] for case in cases], [0.5], ("Mass",)) for at in (1, 2))
    table = choose_images("m", before, after, examples)
    known = dict(zip(images, cases, strict=True))
    belongs = {
        "true_positive": lambda label, _, p: (label == 1 and p >= 0.5, -p),
        "false_positive": lambda label, _, p: (label == 0 and p >= 0.5, -p),
        "false_negative": lambda label, _, p: (label == 1 and p < 0.5, p),
        "true_negative": lambda label, _, p: (label == 0 and p < 0.5, p),
        "changed": lambda label, q, p: (label != UNKNOWN and (q >= 0.5) != (p >= 0.5), -round(abs(p - q), 6)),
    }
    for kind, rule in belongs.items():
        judged = {image: rule(*case) for image, case in known.items()}
        expected = sorted((image for image in images if judged[image][0]), key=lambda image: (judged[image][1], image))
        assert table[table["kind"] == kind]["image"].tolist() == expected[:examples]
        assert table[table["kind"] == kind]["place"].tolist() == list(range(1, len(expected[:examples]) + 1))
