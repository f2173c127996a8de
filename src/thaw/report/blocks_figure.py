"""What was thawed: the network's blocks by strategy and phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from thaw.report.panels import ON_LIGHT, amount, shortened
from thaw.report.results import Results
from thaw.report.style import SETTINGS, heading, house_style, light_grid

Phase = Mapping[str, Any]
Block = Mapping[str, Any]
WIDTH, HEIGHT = 0.92, 0.76  # of a cell, in columns and rows
FROZEN = SETTINGS["grid.color"]
STRIP = 0.24  # height of what is trained where it is but a part of the block
DARK = 0.55  # share of the scale from which text on it is white
ALONE = 0.7  # where a single learning rate stands on the scale
CENTRED: dict[str, Any] = {"ha": "center", "va": "center"}


@house_style()
def thawed_blocks(results: Results, model: str) -> Figure:
    """A row a strategy and phase, a column a block from the input to the head, filled where it is trained.

    The darker, the higher its learning rate, which is written in it. A cell is filled from left to right over the
    epochs of the phase that train the block; where only a part of its parameters is trained, there is a strip alone and
    the share. Above stand the parameters of each block. Of several seeds the first, of several folds the first.
    """
    rows = _rows(results, model)
    blocks: Sequence[Block] = rows[0][1]["blocks"]
    size = (max(7.0, 2.4 + 0.72 * len(blocks)), 3.1 + 0.34 * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    above, axes = figure.subplots(2, 1, sharex=True, height_ratios=(1, 0.34 * len(rows)))
    _parameters(above, blocks)
    rates = [block["learning_rate"] for _, phase in rows for block in phase["blocks"] if block["learning_rate"]]
    norm = LogNorm(min(rates, default=1.0), max(rates, default=1.0))
    for row, (_, phase) in enumerate(rows):
        for column, block in enumerate(phase["blocks"]):
            _cell(axes, (column, row), block, phase["epochs"], norm)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set(xlim=(-0.6, len(blocks) - 0.4), ylim=(len(rows) - 0.5, -0.5))
    names = [shortened(block["block"], 14) for block in blocks]
    axes.set_xticks(range(len(blocks)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.legend(handles=_legend(), loc="outside lower center", ncols=3)
    heading(figure, results.subject, f"what is thawed of {model}, with learning rates")
    return figure


def _rows(results: Results, model: str) -> list[tuple[str, Phase]]:
    """Name and phase of each row."""
    rows = []
    for strategy in (strategy for of, strategy in results.pairs if of == model):
        phases = results.seeds_of(model, strategy)[0].cost["phases"]
        for number, phase in enumerate(phases, start=1):
            name = strategy if len(phases) == 1 else f"{strategy}, phase {number}"
            rows.append((f"{name} ({phase['epochs']} epoch{'' if phase['epochs'] == 1 else 's'})", phase))
    return rows


def _parameters(axes: Axes, blocks: Sequence[Block]) -> None:
    """How many parameters each block has."""
    counts = [block["parameters"] for block in blocks]
    axes.bar(range(len(blocks)), counts, width=WIDTH, color="#999999")
    for column, count in enumerate(counts):
        axes.annotate(amount(count), (column, count), (0, 2), textcoords="offset points", ha="center", fontsize=7)
    axes.margins(y=0.25)
    axes.set_ylabel("parameters")
    axes.yaxis.set_major_formatter(lambda value, _: amount(value))
    axes.locator_params(axis="y", nbins=3)
    axes.spines.left.set_visible(False)
    light_grid(axes, "y")
    axes.tick_params(axis="x", labelbottom=False)


def _cell(axes: Axes, place: tuple[int, int], block: Block, epochs: int, norm: LogNorm) -> None:
    left, top = place[0] - WIDTH / 2, place[1] - HEIGHT / 2
    axes.add_patch(Rectangle((left, top), WIDTH, HEIGHT, facecolor=FROZEN, linewidth=0))
    if block["learning_rate"] is None:
        return
    begin, end = (block["epochs"][0] - 1) / epochs, block["epochs"][1] / epochs
    share = float(norm(block["learning_rate"])) if norm.vmin != norm.vmax else ALONE
    whole = block["trainable"] == block["parameters"]
    height = HEIGHT if whole else STRIP
    corner = (left + WIDTH * begin, top + HEIGHT - height)
    axes.add_patch(Rectangle(corner, WIDTH * (end - begin), height, facecolor=_blues()(share), linewidth=0))
    rate = _rate(block["learning_rate"])
    if not whole:
        axes.text(place[0], place[1] - STRIP / 2, f"{rate}, {_percent(block)}", fontsize=6, **CENTRED)
    elif end - begin >= 0.5:
        colour = "white" if share > DARK else ON_LIGHT
        axes.text(left + WIDTH * (begin + end) / 2, place[1], rate, fontsize=7, color=colour, **CENTRED)
    else:
        # beside what is filled, where there is more room
        middle = begin / 2 if begin > 1 - end else (1 + end) / 2
        axes.text(left + WIDTH * middle, place[1], rate, fontsize=7, **CENTRED)


def _blues() -> Colormap:
    """From a light blue that still differs from frozen gray to a dark one."""
    shades = mpl.colormaps["Blues"]
    return ListedColormap([shades(0.25 + 0.7 * step / 255) for step in range(256)])


def _rate(rate: float) -> str:
    """A learning rate in few letters.

    >>> _rate(0.001), _rate(0.00016807)
    ('1e-3', '1.7e-4')
    """
    mantissa, _, exponent = f"{rate:.1e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def _percent(block: Block) -> str:
    share = block["trainable"] / block["parameters"]
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"


def _legend() -> list[Patch]:
    labels = {FROZEN: "frozen", _blues()(ALONE): "trained (darker: faster; a strip: a part of its parameters)"}
    return [Patch(facecolor=shade, label=label) for shade, label in labels.items()]
