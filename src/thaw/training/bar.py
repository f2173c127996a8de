"""One progress bar for a whole training, its time left weighed by what each epoch is expected to cost."""

from __future__ import annotations

from collections.abc import Sequence

from tqdm import tqdm

FORMAT = "{desc}{percentage:3.0f}%|{bar}| {elapsed} gone, {remaining} left{postfix}"


class TrainingBar:
    """A bar on standard error from the first epoch to the last; quiet where that is not a terminal.

    Args:
        costs: of each epoch by phase, in any unit of time.
    """

    def __init__(self, costs: Sequence[Sequence[float]]) -> None:
        self._costs = costs
        # disable=None: tqdm's own rule, off where standard error is not a terminal
        self._bar = tqdm(total=sum(map(sum, costs)), bar_format=FORMAT, disable=None, dynamic_ncols=True)

    def move(self, phase: int, epoch: int, share: float) -> None:
        """Show that so much of an epoch is done; phases count from 1, the epochs of a phase from 0."""
        costs, number = self._costs[phase - 1], sum(map(len, self._costs[: phase - 1])) + epoch + 1
        self._bar.set_description(f"epoch {number} of {sum(map(len, self._costs))}", refresh=False)
        self._to(self._before(phase) + sum(costs[:epoch]) + share * costs[epoch])

    def end_epoch(self, images_per_second: float) -> None:
        """Show how fast an epoch was."""
        self._bar.set_postfix_str(f"{images_per_second:,.0f} images/s", refresh=False)

    def end_phase(self, phase: int) -> None:
        """Pass over epochs that patience spared."""
        self._to(self._before(phase + 1))

    def close(self) -> None:
        """End the line."""
        self._bar.close()

    def _before(self, phase: int) -> float:
        return sum(map(sum, self._costs[: phase - 1]))

    def _to(self, done: float) -> None:
        self._bar.update(done - self._bar.n)
