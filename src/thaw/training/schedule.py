"""How learning rates go over a phase, and when a phase ends early: functions of where it stands and what it reached.

Nothing is remembered between calls, so that a resumed phase goes on with exactly the rates it would have had.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from thaw.params.strategy import Plateau, Schedule, Step

TENTH = 0.1
# the defaults of the paper's authors' follow-up code and of torch's OneCycleLR
RISE_SHARE, FIRST_SHARE, LAST_SHARE = 0.3, 1 / 25, 1 / 25e4


def rate_factor(schedule: Schedule, done: float, epochs: int, warmup: float, losses: Sequence[float] = ()) -> float:
    """Share of the learning rate for a step.

    cosine: Loshchilov & Hutter 2017 (arXiv:1608.03983), equation 5, one period, down to 0. one_cycle: Smith & Topin
    2019 (arXiv:1708.07120), section 3, from 1/25 up to 1 over the first 30 % and down to 1/250,000, both along half a
    cosine. step and plateau: a tenth each time. Warm-up: linear from 0, Goyal et al. 2017 (arXiv:1706.02677), section
    2.2; the schedule takes the epochs after it.

    Args:
        schedule: its kind.
        done: epochs of the phase that are over when the step begins, a fraction within an epoch.
        epochs: of the phase.
        warmup: epochs of rising rates.
        losses: validation losses of the phase's epochs so far, for plateau.
    """
    if done < warmup:
        return done / warmup
    place, length = done - warmup, epochs - warmup
    match schedule:
        case "constant":
            return 1.0
        case "cosine":
            return _half_cosine(1.0, 0.0, place / length)
        case "one_cycle":
            rise = RISE_SHARE * length
            if place < rise:
                return _half_cosine(FIRST_SHARE, 1.0, place / rise)
            return _half_cosine(1.0, LAST_SHARE, (place - rise) / (length - rise))
        case Step(step=every):
            return TENTH ** int(place // every)
        case Plateau(plateau=patience):
            return TENTH ** plateaus(losses, patience)


def plateaus(losses: Sequence[float], patience: int) -> int:
    """How often the loss had not fallen below its smallest value for more than ``patience`` epochs in a row."""
    smallest, waited, found = math.inf, 0, 0
    for loss in losses:
        waited = 0 if loss < smallest else waited + 1
        smallest = min(smallest, loss)
        if waited > patience:
            found, waited = found + 1, 0
    return found


def is_over(scores: Sequence[tuple[float, float]], patience: int | None) -> bool:
    """Whether the last ``patience`` epochs of a phase were all no better than the best one before them.

    Early stopping, Prechelt 1998 ("Early stopping - but when?"), criterion UP in its form with a best-so-far.
    """
    if patience is None or len(scores) <= patience:
        return False
    return max(scores[-patience:]) <= max(scores[:-patience])


def _half_cosine(first: float, last: float, share: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2
