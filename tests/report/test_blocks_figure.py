"""What was thawed: a cell a block, filled where and when it is trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from thaw.report.blocks_figure import thawed_blocks
from thaw.report.results import Results

PARAMETERS = {"stem": 900, "layer1": 150_000, "layer2": 2_000_000, "head": 1500}
Rates = Mapping[str, tuple[float, int, int, int]]


def phase(epochs: int, rates: Rates) -> dict[str, Any]:
    """``rates``: block → learning rate, parameters trained, first and last epoch."""
    blocks = []
    for name, count in PARAMETERS.items():
        rate, trainable, first, last = rates.get(name, (None, 0, None, None))
        epochs_of = None if first is None else [first, last]
        blocks.append(
            {"block": name, "parameters": count, "trainable": trainable, "learning_rate": rate, "epochs": epochs_of}
        )
    return {"phase": 1, "epochs": epochs, "blocks": blocks}


HEAD = phase(3, {"head": (0.01, 1500, 1, 3)})
LAST = phase(1, {"layer2": (0.001, 2_000_000, 1, 1), "head": (0.001, 1500, 1, 1)})
NORM = phase(5, {"stem": (0.005, 90, 1, 5), "layer1": (0.005, 150, 1, 5), "head": (0.005, 1500, 1, 5)})
GRADUAL = phase(4, {"layer1": (1.7e-4, 150_000, 4, 4), "layer2": (7e-4, 2_000_000, 3, 4), "head": (0.001, 1500, 1, 4)})


def thawed(make_results: Callable[..., Results], **phases: Sequence[dict[str, Any]]) -> Results:
    results = make_results(strategies=tuple(phases), selected=next(iter(phases)))
    cells = [
        dataclasses.replace(result, cost={**result.cost, "phases": list(phases[result.cell.strategy])})
        for result in results.cells
    ]
    return dataclasses.replace(results, cells=tuple(cells))


def trained(axes: Axes) -> list[tuple[int, int, float, float]]:
    """Row, column, and from where to where a cell is filled, 0 to 1."""
    boxes = [patch.get_bbox() for patch in axes.patches if to_hex(patch.get_facecolor()).upper() != "#E5E5E5"]
    return [
        (round((box.y0 + box.y1) / 2), column := int(np.floor((box.x0 + box.x1) / 2 + 0.5)),
         round((box.x0 - column) / 0.92 + 0.5, 6), round((box.x1 - column) / 0.92 + 0.5, 6))
        for box in boxes
    ]  # fmt: skip


def test_a_row_a_strategy_and_phase(make_results: Callable[..., Results]) -> None:
    axes = thawed_blocks(thawed(make_results, frozen=[HEAD], progressive=[HEAD, LAST]), "resnet18").axes[1]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "frozen (3 epochs)", "progressive, phase 1 (3 epochs)", "progressive, phase 2 (1 epoch)",
    ]  # fmt: skip
    assert [label.get_text() for label in axes.get_xticklabels()] == list(PARAMETERS)
    assert trained(axes) == [(0, 3, 0, 1), (1, 3, 0, 1), (2, 2, 0, 1), (2, 3, 0, 1)]
    assert [text.get_text() for text in axes.texts] == ["1e-2", "1e-2", "1e-3", "1e-3"]


def test_every_block_of_every_phase_has_a_frozen_ground(make_results: Callable[..., Results]) -> None:
    axes = thawed_blocks(thawed(make_results, frozen=[HEAD], norm=[NORM]), "resnet18").axes[1]
    ground = [patch for patch in axes.patches if to_hex(patch.get_facecolor()).upper() == "#E5E5E5"]
    assert len(ground) == 2 * len(PARAMETERS)


def test_a_cell_is_filled_over_the_epochs_that_train_it(make_results: Callable[..., Results]) -> None:
    axes = thawed_blocks(thawed(make_results, gradual=[GRADUAL]), "resnet18").axes[1]
    assert trained(axes) == [(0, 1, 0.75, 1), (0, 2, 0.5, 1), (0, 3, 0, 1)]
    assert [text.get_text() for text in axes.texts] == ["1.7e-4", "7e-4", "1e-3"]


def test_blocks_trained_in_part_have_a_strip(make_results: Callable[..., Results]) -> None:
    axes = thawed_blocks(thawed(make_results, norm=[NORM]), "resnet18").axes[1]
    assert [text.get_text() for text in axes.texts] == ["5e-3, 10%", "5e-3, 0.1%", "5e-3"]
    boxes = [patch.get_bbox() for patch in axes.patches if to_hex(patch.get_facecolor()).upper() != "#E5E5E5"]
    assert [round(box.y1 - box.y0, 6) for box in boxes] == [0.24, 0.24, 0.76]
    assert [round(box.y1, 6) for box in boxes] == [0.38] * 3


def test_faster_is_darker(make_results: Callable[..., Results]) -> None:
    axes = thawed_blocks(thawed(make_results, gradual=[GRADUAL]), "resnet18").axes[1]
    shades = [patch.get_facecolor() for patch in axes.patches if to_hex(patch.get_facecolor()).upper() != "#E5E5E5"]
    light = [sum(shade[:3]) for shade in shades]
    assert light[0] > light[1] > light[2]


def test_bars_are_the_parameters_of_the_blocks(make_results: Callable[..., Results]) -> None:
    above = thawed_blocks(thawed(make_results, frozen=[HEAD]), "resnet18").axes[0]
    assert [bar.get_height() for bar in above.patches] == list(PARAMETERS.values())
    assert [text.get_text() for text in above.texts] == ["900", "150.0 K", "2.0 M", "1.5 K"]


@pytest.mark.parametrize("blocks", [0, 30])
def test_any_number_of_blocks_is_drawn(make_results: Callable[..., Results], blocks: int) -> None:
    results = thawed(make_results, frozen=[HEAD])
    one = HEAD["blocks"][-1]
    many = [{**one, "block": f"layer{number}"} for number in range(blocks)] + [one]
    cell = dataclasses.replace(results.cells[0], cost={"phases": [{**HEAD, "blocks": many}]})
    figure = thawed_blocks(dataclasses.replace(results, cells=(cell,)), "resnet18")
    figure.draw_without_rendering()
    assert len(trained(figure.axes[1])) == blocks + 1
