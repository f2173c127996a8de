"""From what was measured to what the whole grid will take: arithmetic alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from thaw.cells import Cell
from thaw.params.schema import Params, TrainParams
from thaw.planning.costs import Costs, ModelCost, PlanCost, Stretch
from thaw.planning.explanation import embedding_seconds, explain_seconds
from thaw.planning.images import Images, Sizes
from thaw.training.device import GIB
from thaw.training.forward import views_of

PARALLEL_FROM_IMAGES = 200  # drawing and decoding take all processors from here on, as their stages do
INTEGER_BYTES = 8  # a label, or an image's row, while a cell is trained
ROW_BYTES, CLASS_BYTES = 60, 13  # of predictions.csv: an image's names; a label and a logit in seven digits
ARRAY_HEADER_BYTES = 128
MOST_FEATURES = 5000  # training images that predict looks at besides
REPORT_SECONDS = 9.0  # of drawing the report; 2 cores of an AMD EPYC, 2026-11-22

View = int | Literal["val"]  # an augmentation of the training images, or the validation images


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
        cells: the grid, in the order in which it is trained: the first one keeps what the next ones find.
        images: how many there are.
        costs: what was measured.
        processors: that draw and decode.
        there: stages whose results are there already.
    """
    found = set(there)
    rows = [*_before_training(params, images, costs, processors), *_rows_of_models(params, costs)]
    known: defaultdict[tuple[str, int, int | None, int | None], set[View]] = defaultdict(set)
    for cell in cells:
        name, same = f"train {cell}", known[cell.model, cell.seed, cell.fold, cell.subset]
        rows.append(_train_row(name, cell, images, costs, params, same, name in found))
    rows.append(Row("kept activations", 0.0, kept_bytes(cells, images, costs.models, params)))
    for cell in cells:
        name, model, sizes = f"predict {cell}", costs.models[cell.model], images.of(cell)
        rows.append(_predict_row(name, model, sizes, images.classes, costs.torch_start, name in found))
    rows.append(Row("evaluate", len(cells) * (costs.plain_start + costs.statistics_seconds)))
    return [*rows, *_after_evaluation(params, cells, images.classes, costs)]


def total(rows: Sequence[Row]) -> Row:
    """All stages one after the other: times and disk added up, the highest of the peaks."""
    return Row(
        "all",
        sum(row.seconds or 0.0 for row in rows),
        sum(row.disk_bytes for row in rows),
        max((row.memory_gib for row in rows if row.memory_gib is not None), default=None),
    )


def training_seconds(
    stretches: Sequence[Stretch], sizes: Sizes, settings: TrainParams, known: set[View]
) -> float:  # fmt: skip
    """The epochs of one training.

    An epoch whose activations are known takes ``later``, also where they are to be computed from the boundary that
    strategies share.

    Args:
        stretches: its epochs, those together that thaw the same.
        sizes: images by split.
        settings: of training; where ``cache_gib`` does not suffice, every epoch computes everything.
        known: what trainings of the same model, seed, fold and subset kept before; what this one keeps is added.
    """
    place, seconds = 0, 0.0
    for stretch in stretches:
        seconds += _stretch_seconds(stretch, place, sizes, settings, known if stretch.shares else set())
        place += stretch.epochs
    return seconds


def _stretch_seconds(
    stretch: Stretch, place: int, sizes: Sizes, settings: TrainParams, known: set[View]
) -> float:  # fmt: skip
    cost, views = stretch.cost, views_of(settings)
    keeps = 0 < stretch_bytes(stretch, sizes, settings) <= settings.cache_gib * GIB
    seconds = cost.begin_seconds
    for epoch in range(place, place + stretch.epochs):
        view = epoch if views is None else epoch % views
        seconds += sizes.train * (cost.train.later if keeps and view in known else cost.train.first)
        seconds += sizes.val * (cost.val.later if keeps and "val" in known else cost.val.first)
        if keeps:
            known |= {"val", view} if _keeps_training(settings) else {"val"}
    return seconds


def stretch_bytes(stretch: Stretch, sizes: Sizes, settings: TrainParams) -> float:
    """What a stretch would keep: validation images once, and each augmentation of the training images."""
    views = min(stretch.epochs, views_of(settings) or stretch.epochs) if _keeps_training(settings) else 0
    return stretch.cost.kept_bytes * (sizes.val + sizes.train * views)


def _keeps_training(settings: TrainParams) -> bool:
    """Sampling that may draw an image twice, each time augmented anew, leaves nothing to find again."""
    return views_of(settings) is not None or settings.loss.sampling == "uniform"


def kept_bytes(cells: Iterable[Cell], images: Images, models: Mapping[str, ModelCost], params: Params) -> float:
    """What all cells keep of their frozen blocks, at most ``train.cache_gib``; who thaws the same shares it."""
    limit, kept = params.train.cache_gib * GIB, dict[tuple[PlanCost, Cell], float]()
    for cell in cells:
        for stretch in models[cell.model].strategies[cell.strategy]:
            size = stretch_bytes(stretch, images.of(cell), params.train)
            place = stretch.cost, replace(cell, strategy="any") if stretch.shares else cell
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


def _train_row(
    name: str, cell: Cell, images: Images, costs: Costs, params: Params, known: set[View], is_there: bool
) -> Row:
    model, sizes = costs.models[cell.model], images.of(cell)
    stretches = model.strategies[cell.strategy]
    adapting = sum(stretch.adapts for stretch in stretches) * sizes.train * model.forward_seconds
    epochs = training_seconds(stretches, sizes, params.train, known)
    grown = (sizes.train + sizes.val) * (images.classes + 1) * INTEGER_BYTES / GIB
    memory = max(stretch.cost.memory_gib for stretch in stretches) + grown
    seconds = costs.torch_start + model.ready_seconds + adapting + epochs
    return Row(name, seconds, model.weights_bytes, memory, is_there)


def _after_evaluation(params: Params, cells: Sequence[Cell], classes: int, costs: Costs) -> list[Row]:
    """What uses, shows and compares the cells."""
    packaged = [cell for cell in cells if cell.fold is None and cell.subset is None]
    explained = [cell for cell in packaged if cell.seed == params.seeds[0]]
    seconds = [
        costs.torch_start
        + costs.models[cell.model].ready_seconds
        + explain_seconds(params.explain, classes, costs.models[cell.model].forward_seconds)
        for cell in explained
    ]
    size = sum(costs.models[cell.model].weights_bytes for cell in packaged)
    embedding = embedding_seconds(params.explain, len(explained))
    return [
        Row("package", len(packaged) * costs.plain_start, size),
        Row("gallery, explain", costs.plain_start + sum(seconds)),
        Row("embeddings", costs.plain_start + embedding),
        Row("compare", costs.plain_start + REPORT_SECONDS),
    ]


def _predict_row(name: str, model: ModelCost, sizes: Sizes, classes: int, start: float, is_there: bool) -> Row:
    count = sizes.val + sizes.test
    seconds = start + model.ready_seconds + (count + min(sizes.train, MOST_FEATURES)) * model.forward_seconds
    return Row(name, seconds, count * (ROW_BYTES + classes * CLASS_BYTES), model.evaluate_gib, is_there)
