"""Many tests at once: p-values that keep the chance of a single false alarm among them all at its level."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float | None], at_most: int | None = None) -> list[float | None]:
    """Adjusted p-values of a family: reject those up to a level, and the chance of any false rejection is that level.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979): the
    smallest of m is multiplied by m, the next by m - 1 and so on, none becomes smaller than the one before it. It
    asks nothing of how the tests depend on each other.

    Args:
        p_values: None where there is no test; it stays None and does not count.
        at_most: how many of the hypotheses can be true together, where logic bounds that; no p-value is then
            multiplied by more. Shaffer, "Modified sequentially rejective multiple test procedures", Journal of the
            American Statistical Association 81 (1986), procedure S1.
    """
    tested = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(tested):
        left = len(tested) - rank
        highest = max(highest, min(1.0, p * (left if at_most is None else min(left, at_most))))
        adjusted[place] = highest
    return adjusted
