"""Who is put into which group, and who into none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from thaw.errors import UserError
from thaw.evaluation.subgroups.groups import Grouping, covariates_of, subgroups
from thaw.params.evaluation import SubgroupParams

TABLE = pd.DataFrame(
    {
        "sex": ["F", "M", "F", np.nan, "F", "M"],
        "age": pd.array([17, 18, 39, 40, 80, None], dtype="Int64"),
        "view": ["AP", "AP", "PA", "PA", "AP", "PA"],
        "follow_up": pd.array([0, 1, 7, 0, None, 0], dtype="Int64"),
    }
)


def members(grouping: Grouping) -> dict[str, list[int]]:
    return {group.name: np.flatnonzero(group.mask).tolist() for group in grouping.groups}


def grouped(table: pd.DataFrame, minimum: int = 1, ages: tuple[int, ...] = (40, 18)) -> Grouping:
    return subgroups(table, SubgroupParams(ages=list(ages), minimum=minimum))


def test_single_groups_and_unknown_values() -> None:
    grouping = grouped(TABLE)
    single = {name: rows for name, rows in members(grouping).items() if ", " not in name}
    assert single == {
        "sex=F": [0, 2, 4],
        "sex=M": [1, 5],
        "age=under 18": [0],
        "age=18 to 39": [1, 2],
        "age=40 or more": [3, 4],
        "view=AP": [0, 1, 4],
        "view=PA": [2, 3, 5],
        "follow-up=first": [0, 3, 5],
        "follow-up=later": [1, 2],
    }
    assert grouping.unknown == {"sex": 1, "age": 1, "view": 0, "follow-up": 1}


def test_crossings_of_two_factors_that_say_something_new() -> None:
    grouping = grouped(TABLE[["sex", "view"]].assign(age=np.nan, follow_up=np.nan))
    crossed = {name: rows for name, rows in members(grouping).items() if ", " in name}
    assert crossed == {
        "sex=F, view=AP": [0, 4],
        "sex=F, view=PA": [2],
        "sex=M, view=AP": [1],
        "sex=M, view=PA": [5],
    }
    assert grouping.by_factors().keys() == {("sex",), ("view",), ("sex", "view")}
    # every man AP: "sex=M, view=AP" would be sex=M again, and no man is PA
    again = pd.DataFrame({"sex": list("FFMM"), "view": ["AP", "PA", "AP", "AP"], "age": np.nan, "follow_up": np.nan})
    assert set(members(grouped(again))) == {"sex=F", "sex=M", "view=AP", "view=PA", "sex=F, view=AP"}


def test_small_groups_are_named_and_left_out_with_their_crossings() -> None:
    grouping = grouped(TABLE, minimum=3)
    assert members(grouping).keys() == {"sex=F", "view=AP", "view=PA", "follow-up=first"}
    assert grouping.too_small == {
        "sex=M": 2, "age=under 18": 1, "age=18 to 39": 2, "age=40 or more": 2, "follow-up=later": 2,
        "sex=F, view=AP": 2, "sex=F, view=PA": 1, "sex=F, follow-up=first": 1,
        "view=AP, follow-up=first": 1, "view=PA, follow-up=first": 2,
    }  # fmt: skip
    assert grouping.minimum == 3


def test_without_ages_there_are_no_bands() -> None:
    grouping = grouped(TABLE, ages=())
    assert "age" not in grouping.unknown
    assert not any("age" in name for name in members(grouping))


def test_nothing_known_gives_no_group() -> None:
    nothing = pd.DataFrame({name: [np.nan, np.nan] for name in ("sex", "age", "view", "follow_up")})
    grouping = grouped(nothing)
    assert grouping.groups == ()
    assert grouping.unknown == {"sex": 2, "age": 2, "view": 2, "follow-up": 2}
    assert grouped(nothing[:0]).groups == ()


def test_covariates_follow_the_predictions() -> None:
    table = TABLE.assign(image=list("abcdef"), other=1)
    found = covariates_of(np.array(["f", "a"], dtype=object), table)
    assert list(found.columns) == ["sex", "age", "view", "follow_up"]
    assert found["sex"].tolist() == ["M", "F"]
    assert found["follow_up"].tolist() == [0, 0]
    with pytest.raises(UserError, match="no row for image 'x'"):
        covariates_of(np.array(["a", "x"], dtype=object), table)
