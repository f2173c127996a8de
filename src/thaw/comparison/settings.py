"""What a comparison is asked: how many samples, how sure, and which difference matters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ComparisonSettings:
    """How strategies are compared.

    Attributes:
        resamples: samples of the test patients, 2 or more.
        confidence: of intervals, between 0.5 and 1; 1 less this is the share of false verdicts in a family.
        margin: difference of macro AUROC that does not matter.
        threshold: probability from which a class counts as present (several labels an image).
        seed: of the samples.
    """

    resamples: int
    confidence: float
    margin: float
    threshold: float
    seed: int = 0

    @property
    def level(self) -> float:
        """Share of families in which a true hypothesis may be rejected."""
        return 1 - self.confidence
