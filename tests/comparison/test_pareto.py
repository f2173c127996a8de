"""The front: what no other point beats."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from thaw.comparison.pareto import Point, pareto_front

FIGURE = some.none() | some.integers(0, 3).map(float)
POINTS = some.lists(some.builds(Point, FIGURE, FIGURE, FIGURE, FIGURE), max_size=8)


def test_one_that_is_worse_in_everything_is_not_on_it() -> None:
    cheap, dear = Point(0.70, 10, 1, 5), Point(0.80, 60, 4, 90)
    worse, between = Point(0.69, 20, 2, 6), Point(0.75, 30, 2, 20)
    assert pareto_front([cheap, dear, worse, between]) == [True, True, False, True]


def test_the_same_point_twice_is_on_it_twice() -> None:
    assert pareto_front([Point(0.7, 10, 1, 5)] * 2) == [True, True]


def test_equal_but_for_one_cost_is_beaten() -> None:
    assert pareto_front([Point(0.7, 10, 1, 5), Point(0.7, 10, 1, 6)]) == [True, False]


def test_what_is_not_known_of_one_does_not_decide() -> None:
    known, unknown = Point(0.7, 10, 1, 5), Point(0.6, 20, None, 6)
    assert pareto_front([known, unknown]) == [True, False]
    assert pareto_front([known, Point(0.6, 20, 0.5, 6)]) == [True, True]
    nothing = Point(None, None, None, None)
    assert pareto_front([known, nothing]) == [True, True]
    assert pareto_front([nothing]) == [True]
    assert pareto_front([]) == []


@given(POINTS)
def test_a_point_is_off_the_front_exactly_when_another_beats_it(points: list[Point]) -> None:
    def beats(one: Point, other: Point) -> bool:
        both = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
        if one.auroc is not None and other.auroc is not None:
            both[0] = (-both[0][0], -both[0][1])
        return bool(both) and all(a <= b for a, b in both) and any(a < b for a, b in both)

    assert pareto_front(points) == [not any(beats(other, one) for other in points) for one in points]
