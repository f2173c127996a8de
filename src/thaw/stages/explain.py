"""explain: where one cell's network looks, what it confuses, and what its training changed.

Reads     the parameters evaluate.confidence, explain, preprocess.crop_from and preprocess.size; the prepared data,
          data/boxes.csv, models/pretrained/<model>.safetensors, models/trained/<cell>/, reports/gallery.csv,
          reports/predict/<cell>/{predictions.csv,features.npz}, reports/evaluate/<cell>/rule.json.
Writes    reports/explain/<cell>/:
            maps.npz       image, class and map (n, 56, 56) of all that is shown of the model and all failures of the
                           cell: 255 is the map's own maximum
            failures.json  failures (the surest errors of each class: image, patient, class, kind, probability,
                           threshold, labels, sex, age, view, follow_up, neighbours) and pairs (true, given, images,
                           share: which class is taken for which)
            explain.json   method, block (of whose output the maps are), localisation (do they lie in the boxes?),
                           faithfulness (does what is hot matter?), randomisation (do they depend on what was learnt?),
                           similarity (how much of each block is as it was before the training)
Promises  computed in fp32; test images are drawn by a hash of their names; what is not measured says why (reason), and
          is null or empty, never a number; the same machine writes the same bytes again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from thaw.backbones.stored import load_pretrained
from thaw.cells import Cell
from thaw.command import run
from thaw.evaluation.rounding import rounded
from thaw.explain.boxes import boxes_by_image
from thaw.explain.decided import read_decided
from thaw.explain.drawn import Pair
from thaw.explain.failures import confused_pairs, with_surroundings, worst_failures
from thaw.explain.gallery import read_gallery
from thaw.explain.maps import write_maps
from thaw.explain.measured import measure_maps, measure_similarity, shown_maps
from thaw.explain.network import ExplainedNetwork
from thaw.features import read_features
from thaw.files import read_csv, write_json
from thaw.params.explain import ExplainParams
from thaw.params.read import read_params
from thaw.prepared import Prepared, load_prepared
from thaw.training.device import keep_freed_memory, make_deterministic

LABELS, BOXES, GALLERY = Path("data/labels.csv"), Path("data/boxes.csv"), Path("reports/gallery.csv")
PRETRAINED = Path("models/pretrained")


def failures_of(cell: Cell, data: Prepared, settings: ExplainParams) -> dict[str, Any]:
    """What failures.json holds of a cell."""
    decided = read_decided(cell, data.classes, data.task)
    train, test = (read_features(cell.predict_folder / "features.npz", split) for split in ("train", "test"))
    failures = with_surroundings(
        worst_failures(decided, settings.failures), data.classes, read_csv(LABELS), train, test, settings.neighbours
    )
    return {"failures": failures, "pairs": confused_pairs(decided)}


def shown_pairs(model: str, failures: Sequence[dict[str, Any]]) -> list[Pair]:
    """Image and class of all that is shown: the model's gallery, then the cell's failures."""
    gallery = read_gallery(GALLERY, model)
    failed = [(failure["image"], failure["class"]) for failure in failures]
    return [*zip(gallery["image"], gallery["class"], strict=True), *failed]


def main() -> None:
    """Explain the cell named on the command line."""
    cell = Cell.from_arguments(__doc__)
    params: Any = read_params("evaluate.confidence", "explain", "preprocess.crop_from", "preprocess.size")
    settings, size_px = params.explain, params.preprocess["size"]
    make_deterministic()
    keep_freed_memory()
    data, network = load_prepared(cell=cell), ExplainedNetwork.load(cell.model_folder, settings)
    boxes = boxes_by_image(read_csv(BOXES), size_px, params.preprocess["crop_from"])
    pretrained = None if network.from_scratch else load_pretrained(PRETRAINED / f"{cell.model}.safetensors")
    told = failures_of(cell, data, settings)
    explained = {
        "method": settings.method,
        "block": network.block,
        **measure_maps(network, data, boxes, params.evaluate["confidence"]),
        "similarity": measure_similarity(network, data, pretrained),
    }
    maps = shown_maps(network, data, shown_pairs(cell.model, told["failures"]))
    write_maps(cell.explain_folder / "maps.npz", maps)
    write_json(cell.explain_folder / "failures.json", rounded(told))
    write_json(cell.explain_folder / "explain.json", rounded(explained))


if __name__ == "__main__":
    run(main)
