"""From what was measured to what the whole grid will take: arithmetic alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from thaw.cells import Cell
from thaw.params.schema import Params
from thaw.planning.costs import Costs, ModelCost, PlanCost, Stretch
from thaw.planning.images import Images, Sizes
from thaw.training.device import GIB
from thaw.training.forward import views_of

PARALLEL_FROM_IMAGES = 200  # drawing and decoding take all processors from here on, as their stages do
INTEGER_BYTES = 8  # a label, or an image's row, while a cell is trained
ROW_BYTES, CLASS_BYTES = 60, 13  # of predictions.csv: an image's names; a label and a logit in seven digits
ARRAY_HEADER_BYTES = 128


@dataclass(frozen=True)
class Row:
    """One stage.

    Attributes:
        stage: its name.
        seconds: None: not measured.
        disk_bytes: what it leaves on the disk.
        memory_gib: its peak; None: not measured.
        is_there: whether its results are there already.
    """

    stage: str
    seconds: float | None
    disk_bytes: float = 0.0
    memory_gib: float | None = None
    is_there: bool = False


def predict(
    params: Params, cells: Sequence[Cell], images: Images, costs: Costs, processors: int, there: Iterable[str] = ()
) -> list[Row]:
    """A row for every stage of a run.

    Args:
        params: all of them.
        cells: the grid.
        images: how many there are.
        costs: what was measured.
        processors: that draw and decode.
        there: stages whose results are there already.
    """
    found = set(there)
    rows = [*_before_training(params, images, costs, processors), *_rows_of_models(params, costs)]
    for cell in cells:
        name = f"train {cell}"
        rows.append(_train_row(name, cell, images, costs, params, name in found))
    rows.append(Row("kept activations", 0.0, kept_bytes(cells, images, costs.models, params)))
    for cell in cells:
        name, model, sizes = f"evaluate {cell}", costs.models[cell.model], images.of(cell)
        rows.append(_evaluate_row(name, model, sizes, images.classes, costs.torch_start, name in found))
    return [*rows, Row("compare", costs.plain_start)]


def total(rows: Sequence[Row]) -> Row:
    """All stages one after the other: times and disk added up, the highest of the peaks."""
    return Row(
        "all",
        sum(row.seconds or 0.0 for row in rows),
        sum(row.disk_bytes for row in rows),
        max((row.memory_gib for row in rows if row.memory_gib is not None), default=None),
    )


def training_seconds(stretches: Sequence[Stretch], sizes: Sizes, views: int | None, cache_gib: float) -> float:
    """The epochs of one training.

    Args:
        stretches: its epochs, those together that thaw the same.
        sizes: images by split.
        views: how many augmentations of an image frozen blocks see; None: another one in every epoch.
        cache_gib: the disk for kept activations; where it does not suffice, every epoch computes everything.
    """
    return sum(_stretch_seconds(stretch, sizes, views, cache_gib) for stretch in stretches)


def _stretch_seconds(stretch: Stretch, sizes: Sizes, views: int | None, cache_gib: float) -> float:
    cost, epochs = stretch.cost, stretch.epochs
    kept = stretch_bytes(stretch, sizes, views) <= cache_gib * GIB
    filling = min(views, epochs) if kept and views is not None else epochs
    train = filling * cost.train.first + (epochs - filling) * cost.train.later
    val = cost.val.first + (epochs - 1) * (cost.val.later if kept else cost.val.first)
    return cost.begin_seconds + sizes.train * train + sizes.val * val


def stretch_bytes(stretch: Stretch, sizes: Sizes, views: int | None) -> float:
    """What a stretch would keep: validation images once, and each augmentation that comes again."""
    if stretch.epochs == 1:
        return 0.0
    again = views if views is not None and views < stretch.epochs else 0
    return stretch.cost.kept_bytes * (sizes.val + sizes.train * again)


def kept_bytes(cells: Iterable[Cell], images: Images, models: Mapping[str, ModelCost], params: Params) -> float:
    """What all cells keep of their frozen blocks, at most ``train.cache_gib``; who thaws the same shares it."""
    limit, kept = params.train.cache_gib * GIB, dict[tuple[PlanCost, str, int, int | None, int | None], float]()
    for cell in cells:
        for stretch in models[cell.model].strategies[cell.strategy]:
            size = stretch_bytes(stretch, images.of(cell), views_of(params.train))
            place = (stretch.cost, cell.model, cell.seed, cell.fold, cell.subset)
            kept[place] = max(kept.get(place, 0.0), size if size <= limit else 0.0)
    return min(sum(kept.values()), limit)


def _before_training(params: Params, images: Images, costs: Costs, processors: int) -> list[Row]:
    start, pictures = costs.plain_start, costs.pictures
    share = processors if images.count >= PARALLEL_FROM_IMAGES else 1
    rows = []
    if images.source is None and pictures.draw_seconds is not None and pictures.draw_bytes is not None:
        drawn = params.dataset.phantom.images
        rows.append(Row("download (draw)", start + pictures.draw_seconds * drawn / share, pictures.draw_bytes * drawn))
    rows.append(Row("labels, split, inspect", 3 * start))
    if not images.has_pixels:
        each = pictures.decode_seconds
        seconds = None if each is None else start + each * images.count / share
        rows.append(Row("preprocess", seconds, ARRAY_HEADER_BYTES + images.count * params.preprocess.size**2))
    return rows


def _rows_of_models(params: Params, costs: Costs) -> list[Row]:
    starts = 2 * costs.torch_start
    return [
        Row(f"weights, probe {name}", starts + costs.models[name].precision_seconds, costs.models[name].weights_bytes)
        for name in params.models
    ]


def _train_row(name: str, cell: Cell, images: Images, costs: Costs, params: Params, is_there: bool) -> Row:
    model, sizes = costs.models[cell.model], images.of(cell)
    stretches = model.strategies[cell.strategy]
    adapting = sum(stretch.adapts for stretch in stretches) * sizes.train * model.forward_seconds
    epochs = training_seconds(stretches, sizes, views_of(params.train), params.train.cache_gib)
    grown = (sizes.train + sizes.val) * (images.classes + 1) * INTEGER_BYTES / GIB
    memory = max(stretch.cost.memory_gib for stretch in stretches) + grown
    seconds = costs.torch_start + model.ready_seconds + adapting + epochs
    return Row(name, seconds, model.weights_bytes, memory, is_there)


def _evaluate_row(name: str, model: ModelCost, sizes: Sizes, classes: int, start: float, is_there: bool) -> Row:
    count = sizes.val + sizes.test
    seconds = start + model.ready_seconds + count * model.forward_seconds
    return Row(name, seconds, count * (ROW_BYTES + classes * CLASS_BYTES), model.evaluate_gib, is_there)
