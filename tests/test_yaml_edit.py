"""Editing YAML: only the value changes; whatever is edited, the text then says exactly that."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thaw.yaml_edit import Place, load, with_value, with_values

TEXT = """\
# a file
size: 224           # pixels
rate:               # nothing yet
lists:
  names: [a, b]     # in one line
  phases:           # below each other
    - {thaw: head}  # first
    # between
    - {thaw: all}   # second
  dedented:
  - 1
  - 2
flow: {one: 1, two: {three: 3}}
# the end
"""


def edited(old: str, new: str) -> str:
    assert TEXT.count(old) == 1
    return TEXT.replace(old, new)


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (("size",), 224, TEXT),
        (("size",), 32, edited("size: 224           #", "size: 32            #")),
        (("size",), 224.0, edited("size: 224           #", "size: 224.0         #")),
        (("size",), None, edited("size: 224           #", "size: null          #")),
        (("size",), "two hundred and more", edited("size: 224           #", "size: two hundred and more  #")),
        (("size",), {"a": ":0"}, edited("size: 224           #", 'size: {"a": ":0"}   #')),
        (("size",), "1", edited("size: 224           #", "size: '1'           #")),
        (("size",), {"from": "a"}, edited("size: 224           #", "size: {from: a}     #")),
        (("rate",), None, TEXT),
        (("rate",), 1e-5, edited("rate:               #", "rate: 1e-05         #")),
        (("lists", "names"), [], edited("names: [a, b]     #", "names: []         #")),
        (("lists", "names"), [{"a": 1}], edited("names: [a, b]     #", "names: [{a: 1}]   #")),
        (
            ("lists", "phases"),
            [{"thaw": {"last": 2}, "lr": 0.1}],
            edited("- {thaw: head}  # first\n    # between\n    - {thaw: all}   #", "- {thaw: {last: 2}, lr: 0.1}  #"),
        ),
        (("lists", "dedented"), [3, 4, 5], edited("  - 1\n  - 2\n", "  - 3\n  - 4\n  - 5\n")),
        (("lists", "dedented"), "x", edited("  dedented:\n  - 1\n  - 2\n", "  dedented: x\n")),
        (("lists", "new"), [{"thaw": "all"}], edited("  - 2\n", "  - 2\n  new:\n    - {thaw: all}\n")),
        (("lists", "new"), [1, 2], edited("  - 2\n", "  - 2\n  new: [1, 2]\n")),
        (("flow", "one"), 2, edited("one: 1", "one: 2")),
        (("flow", "two", "four"), 4, edited("three: 3}", "three: 3, four: 4}")),
        (("last",), True, edited("three: 3}}\n", "three: 3}}\nlast: true\n")),
    ],
)
def test_one_value_changes_and_nothing_else(place: Place, value: Any, expected: str) -> None:
    result = with_values(TEXT, {place: value})
    assert result == expected
    assert load(result) == with_value(load(TEXT), place, value)


def test_several_additions_come_out_in_their_order() -> None:
    result = with_values(TEXT, {("lists", "new"): 1, ("lists", "newer"): 2, ("size",): 1})
    assert list(load(result)["lists"]) == ["names", "phases", "dedented", "new", "newer"]


def test_a_comment_that_was_pushed_away_comes_back() -> None:
    pushed = with_values(TEXT, {("size",): "a long text in place of it"})
    assert with_values(pushed, {("size",): 224}) == TEXT


def test_a_text_without_a_last_line_end() -> None:
    assert with_values("a:\n  b: 1", {("a", "c"): 2}) == "a:\n  b: 1\n  c: 2"


def test_a_mapping_that_is_written_elsewhere_is_not_edited() -> None:
    with pytest.raises(KeyError):
        with_values("a: &a\n  b: {c: 1}\nd:\n  <<: *a\n", {("d", "b", "c"): 2})


PLACES: list[Place] = [
    ("size",),
    ("rate",),
    ("lists", "names"),
    ("lists", "phases"),
    ("lists", "dedented"),
    ("lists", "new"),
    ("flow", "one"),
    ("flow", "two", "three"),
    ("flow", "two", "new"),
    ("last",),
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1000, 1000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner), max_leaves=5
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(PLACES), VALUES, max_size=4))
def test_whatever_is_set_is_then_read_and_all_comments_outside_replaced_lists_stay(values: dict[Place, Any]) -> None:
    expected = load(TEXT)
    for place, value in values.items():
        expected = with_value(expected, place, value)
    result = with_values(TEXT, values)
    assert load(result) == expected
    assert with_values(result, values) == result
    for comment in ("# a file\n", "# pixels", "# nothing yet", "# in one line", "# below each other", "# the end\n"):
        assert comment in result
