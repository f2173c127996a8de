"""Who is in a phantom cohort and what is found: patients, follow-ups, findings and their noisy labels; no pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np

from thaw.phantom import frequencies
from thaw.phantom.streams import Stream, stream

Sex = Literal["F", "M"]
View = Literal["PA", "AP"]

# Share of the drawn findings that the label misses, and of the images whose label names a finding that is not drawn.
# NIH's authors put the precision of their text mining above 0.9; both together leave the prevalences as they are.
MISSED = 0.05
ADDED = 0.035
# Chance that a follow-up in the same view shows what the image before showed; NIH repeats 41 % of its label sets.
UNCHANGED = 0.35
# Beta distribution over patients of the share of AP images: mean 0.40, and 3 of 4 follow-ups keep the view, as in NIH.
AP_SHARE = (0.416, 0.624)
# Years between an image and the next: 0, 1, 2, 3 (counted over the NIH table).
YEARS_BETWEEN = (0.84, 0.115, 0.03, 0.015)
OLDEST = 95


@dataclass(frozen=True)
class Study:
    """One image to draw: ``drawn`` is what the picture shows, ``labels`` what its report is said to name."""

    patient: int
    follow_up: int
    age: int
    sex: Sex
    view: View
    drawn: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """Name of the picture, as NIH names them."""
        return f"{self.patient:08d}_{self.follow_up:03d}.png"


def sample_cohort(images: int, seed: int) -> list[Study]:
    """Return exactly ``images`` studies, patient after patient; a smaller cohort is the beginning of a larger one."""
    return list(islice(_all_studies(seed), images))


def _all_studies(seed: int) -> Iterator[Study]:
    patient = 0
    while True:
        patient += 1
        yield from _follow_patient(patient, stream(seed, patient, Stream.COURSE))


def _follow_patient(patient: int, generator: np.random.Generator) -> Iterator[Study]:
    count = 1 + _pick(frequencies.IMAGES_PER_PATIENT, generator)
    age, sex = _sample_age_and_sex(generator)
    ap_share = generator.beta(*AP_SHARE)
    view: View | None = None
    drawn: tuple[str, ...] = ()
    for follow_up in range(count):
        view_before, view = view, "AP" if generator.random() < ap_share else "PA"
        if view != view_before or generator.random() >= UNCHANGED:
            drawn = _sample_findings(view, generator)
        yield Study(patient, follow_up, age, sex, view, drawn, _misread(drawn, generator))
        age = min(age + _pick(YEARS_BETWEEN, generator), OLDEST)


def _sample_age_and_sex(generator: np.random.Generator) -> tuple[int, Sex]:
    band = _pick(tuple(women + men for _, _, women, men in frequencies.AGES), generator)
    youngest, oldest, women, men = frequencies.AGES[band]
    age = int(generator.integers(youngest, oldest + 1))
    return age, "F" if generator.random() < women / (women + men) else "M"


def _sample_findings(view: View, generator: np.random.Generator) -> tuple[str, ...]:
    counts = tuple(pa if view == "PA" else ap for _, pa, ap in frequencies.LABEL_SETS)
    names = frequencies.LABEL_SETS[_pick(counts, generator)][0]
    return tuple(names.split("|")) if names else ()


def _misread(drawn: tuple[str, ...], generator: np.random.Generator) -> tuple[str, ...]:
    """Return the findings as a text miner reads them from the report: some missed, now and then one added."""
    read = {finding for finding in drawn if generator.random() >= MISSED}
    if generator.random() < ADDED:
        read.add(frequencies.FINDINGS[_pick(FINDING_COUNTS, generator)])
    return tuple(sorted(read))


def _pick(weights: tuple[float, ...], generator: np.random.Generator) -> int:
    cumulated = np.cumsum(weights)
    return int(np.searchsorted(cumulated, generator.random() * cumulated[-1], side="right"))


def _count_findings() -> tuple[int, ...]:
    sets = [(names.split("|"), pa + ap) for names, pa, ap in frequencies.LABEL_SETS]
    return tuple(sum(count for names, count in sets if finding in names) for finding in frequencies.FINDINGS)


FINDING_COUNTS = _count_findings()
