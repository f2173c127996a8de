"""Figures of the page, as pictures inside it: images a patient, ages, and which labels come together."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from thaw.inspection.covariates import OLDEST_YEARS, UNKNOWN_WORD
from thaw.report.style import COLOURS, house_style, light_grid

LONGEST_NAME = 24
MANY_IMAGES = 10  # a patient's images from here on share one bar
YEARS_A_BAR = 5
SEX_NAMES = {"F": "women", "M": "men", UNKNOWN_WORD: "sex unknown"}


def images_a_patient_figure(images_a_patient: Mapping[int, int]) -> str:
    """A bar for each number of images: how many patients have so many. Returns a data URI, as all figures here do."""
    bars = dict.fromkeys(range(1, min(max(images_a_patient, default=1), MANY_IMAGES) + 1), 0)
    for images, patients in images_a_patient.items():
        bars[min(images, MANY_IMAGES)] += patients
    with house_style():
        figure, axes = _small_figure()
        axes.margins(y=0.12)
        drawn = axes.bar(list(bars), list(bars.values()), width=0.8, color=COLOURS[0])
        axes.bar_label(drawn, [f"{count:,}" if count else "" for count in bars.values()], fontsize=7, padding=2)
        names = [f"{images}+" if images == MANY_IMAGES else str(images) for images in bars]
        axes.set_xticks(list(bars), names)
        axes.set(xlabel="images a patient", ylabel="patients")
        light_grid(axes, "y")
        return _svg_uri(figure)


def ages_figure(ages: Mapping[str, NDArray[np.float64]]) -> str:
    """Images by age in steps of five years, sexes beside each other."""
    top = max((float(values.max()) for values in ages.values() if len(values)), default=float(OLDEST_YEARS))
    edges = np.arange(0, YEARS_A_BAR * (top // YEARS_A_BAR + 1) + 1, YEARS_A_BAR)
    order = sorted(ages, key=lambda sex: (sex == UNKNOWN_WORD, sex))
    with house_style():
        figure, axes = _small_figure()
        axes.hist(
            [ages[sex] for sex in order],
            edges.tolist(),
            label=[f"{SEX_NAMES.get(sex, sex)} ({len(ages[sex]):,})" for sex in order],
            color=[COLOURS[place % len(COLOURS)] for place in range(len(order))],
        )
        axes.set(xlabel="age (years)", ylabel="images", xlim=(0, edges[-1]))
        light_grid(axes, "y")
        axes.legend(fontsize=8)
        return _svg_uri(figure)


def together_figure(together: NDArray[np.int64], classes: Sequence[str]) -> str:
    """A matrix of counts: images with both labels; shaded by the share of the row's images that have the column's."""
    shares = together / np.maximum(np.diagonal(together), 1)[:, None]
    side = 2.2 + 0.44 * len(classes)
    with house_style():
        figure = Figure(figsize=(side + 0.8, side), layout="constrained")
        axes = figure.subplots()
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(together):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=colour, fontsize=7)
        names = [name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…" for name in classes]
        axes.set_yticks(range(len(names)), names)
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.tick_params(length=0, labelsize=8)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(image, shrink=0.6, label="share of the row's images")
        bar.outline.set_visible(False)
        return _svg_uri(figure)


def _small_figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.2, 2.8), layout="constrained")
    return figure, figure.subplots()


def _svg_uri(figure: Figure) -> str:
    """As a data URI: a picture of its own, so that ids of several figures do not meet in one page."""
    buffer = io.BytesIO()
    # a fixed salt and no date: the same figure is the same bytes
    with mpl.rc_context({"svg.hashsalt": "thaw"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}"
