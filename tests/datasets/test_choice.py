from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thaw.datasets.choice import choose_classes, draw_subset
from thaw.datasets.dataset import Dataset, finding_table
from thaw.errors import UserError


def make(patients: int, seed: int = 0, task: str = "multilabel") -> Dataset:
    generator = np.random.default_rng(seed)
    of_patient = np.repeat([f"p{number}" for number in range(patients)], generator.integers(1, 6, patients))
    images = pd.DataFrame({"image": [f"{number}.png" for number in range(len(of_patient))], "patient": of_patient})
    if task == "multiclass":
        labels = np.eye(3, dtype=int)[generator.integers(3, size=len(images))]
    else:
        labels = (generator.random((len(images), 3)) < [0.5, 0.2, 0.05]).astype(int)
    images[["Common", "Usual", "Rare"]] = labels
    classes = ("Common", "Usual", "Rare")
    return Dataset("T", task, classes, finding_table(images, classes), "set", False, ("as it is",))  # type: ignore[arg-type]


def test_classes_are_kept_in_the_order_asked_for():
    dataset = choose_classes(make(30), ["Rare", "Common"])
    assert dataset.classes == ("Rare", "Common")
    assert list(dataset.table.columns)[2:4] == ["Rare", "Common"]
    assert len(dataset.table) == len(make(30).table)
    assert dataset.notices == ("as it is", "classes left out (dataset.classes): Usual")


def test_images_of_other_classes_go_where_there_is_one_class_an_image():
    whole = make(30, task="multiclass")
    dataset = choose_classes(whole, ["Rare", "Common"])
    assert len(dataset.table) == whole.table[["Rare", "Common"]].sum().sum()
    assert "images with them: Usual" in dataset.notices[-1]


def test_an_unknown_class_is_refused_with_the_nearest():
    with pytest.raises(UserError, match=r"has no class 'Usal' \(did you mean 'Usual'\?\); found: Common, Usual, Rare"):
        choose_classes(make(30), ["Usal"])


@given(seed=st.integers(0, 500), sizes=st.tuples(st.integers(10, 300), st.integers(10, 300)))
def test_subsets_are_whole_patients_within_the_size_and_nested(seed: int, sizes: tuple[int, int]):
    whole = make(120, seed)
    small, large = (draw_subset(whole, size) for size in sorted(sizes))
    assert set(small.table["image"]) <= set(large.table["image"])
    for part, size in zip((small, large), sorted(sizes), strict=True):
        assert len(part.table) <= size or part.table["patient"].nunique() == 1
        kept = whole.table[whole.table["patient"].isin(part.table["patient"])]
        assert kept.reset_index(drop=True).equals(part.table)


def test_subsets_keep_prevalences_and_do_not_depend_on_the_order():
    whole = make(3000)
    part = draw_subset(whole, 1000)
    assert 990 <= len(part.table) <= 1000
    for name in whole.classes:
        assert part.table[name].mean() == pytest.approx(whole.table[name].mean(), rel=0.1)
    shuffled = Dataset(**{**whole.__dict__, "table": whole.table.sample(frac=1, random_state=1).reset_index(drop=True)})
    assert set(draw_subset(shuffled, 1000).table["image"]) == set(part.table["image"])
    assert part.notices[-1].startswith("a subset: ")


def test_a_subset_as_large_as_the_set_is_the_set():
    assert draw_subset(make(20), 10_000) is not None
    assert draw_subset(make(20), 10_000).notices == ("as it is",)
