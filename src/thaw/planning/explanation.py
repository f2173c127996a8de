"""What explaining a network takes, in passes of an image through it."""

from __future__ import annotations

from thaw.params.explain import ExplainParams

# explanations compute in fp32 and in small batches: an image took about twice as long as in prediction
SLOWER = 2.0
MAP_PASSES = 3  # forward and backward
# as thaw.explain.measured and thaw.explain.randomisation have them, which bring torch
FEW_IMAGES, SIMILAR_IMAGES, STOPS, CURVES = 8, 64, 7, 4
KINDS = 5  # of images that are shown of each class
CELL_SECONDS = 1.5  # of placing one network's images in the plane: t-SNE and UMAP of some hundred
COMPILING_SECONDS = 12.0  # of UMAP, once a process; 2 cores of an AMD EPYC, 2026-11-22


def passes(settings: ExplainParams, classes: int) -> float:
    """How many images one cell's explanation sends through a network.

    Args:
        settings: ``explain`` of params.yaml.
        classes: of the dataset.
    """
    shown = MAP_PASSES * classes * (KINDS * settings.examples + 2 * settings.failures)
    few = min(settings.images, FEW_IMAGES)
    localised = 2 * MAP_PASSES * settings.images
    faithful = few * (MAP_PASSES + CURVES * (settings.steps + 1))
    randomised = few * MAP_PASSES * STOPS
    return shown + localised + faithful + randomised + 2 * min(settings.images, SIMILAR_IMAGES)


def explain_seconds(settings: ExplainParams, classes: int, forward_seconds: float) -> float:
    """Seconds of one cell's explanation; ``forward_seconds``: of an image in prediction."""
    return SLOWER * forward_seconds * passes(settings, classes)


def embedding_seconds(settings: ExplainParams, cells: int) -> float:
    """Seconds of laying out the features of so many cells."""
    return COMPILING_SECONDS + cells * CELL_SECONDS if settings.embedded else 0.0
