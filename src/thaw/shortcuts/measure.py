"""Everything that ``reports/shortcuts.json`` says: leaks between splits, and what tells labels without a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.evaluation.bootstrap import Resampling
from thaw.inspection.material import Material
from thaw.shortcuts.columns import covariate_columns, property_columns
from thaw.shortcuts.copies import measure_copies
from thaw.shortcuts.pictures import glance_at
from thaw.shortcuts.probe import Cohort, Features, measure_probe
from thaw.splitting import SPLITS, crossing_patients, leaking_images

# what each probe sees
PROBES = {
    "properties": "width, height, colour mode and format of the file, and whether it was converted",
    "border": "mean and spread of gray along the four edges",
    "brightness": "mean, spread and quantiles of gray",
    "thumbnail": "16 x 16 gray values",
    "all": "file properties, border, brightness and thumbnail together",
    "covariates": "sex, age and view",
}
EXAMPLES = 5


def measure_shortcuts(
    material: Material, properties: pd.DataFrame, note: str | None, resamples: int, confidence: float
) -> dict[str, Any]:
    """Check the images that were read and are in a split.

    Args:
        material: what the stages before left.
        properties: of the files of ``material.images``, as ``read_properties`` gives them.
        note: what of them was not read.
        resamples: samples of test patients for the intervals.
        confidence: of the intervals.

    Returns:
        ``patients`` (see ``measure_patients``), ``copies`` (see ``measure_copies``), ``probes`` (name → ``what`` it
        sees and what ``measure_probe`` found) and ``notes``: a line for whatever could not be looked at.
    """
    used = material.read & material.images["split"].isin(SPLITS).to_numpy()
    images = material.images[used].reset_index(drop=True)
    cohort = Cohort(
        material.labels[used], images["split"].to_numpy(object), images["patient"].to_numpy(object),
        tuple(material.classes),
    )  # fmt: skip
    converted = images["image"].map(material.converted.set_index("image")["reason"]).astype("object").fillna("")
    files = properties[used].reset_index(drop=True).assign(converted=converted)
    features = gather_features(material.pixels, material.rows[used], files, images, cohort.of("train"))
    resampling = Resampling.of(cohort.patients[cohort.of("test")], resamples)
    probes = {
        name: {"what": what, **measure_probe(features[name], cohort, resampling, confidence)}
        for name, what in PROBES.items()
    }
    return {
        "patients": measure_patients(images),
        "copies": measure_copies(material),
        "probes": probes,
        "notes": [] if note is None else [note],
    }


def measure_patients(images: pd.DataFrame) -> dict[str, Any]:
    """Patients in more than one split.

    Args:
        images: ``patient, split``, one row an image.

    Returns:
        ``crossing``: how many; ``examples``: the first of them; ``test_images``, and how many of these,
        ``leaking_test_images``, show a patient who is trained on.
    """
    crossing = crossing_patients(images)
    leaking, tested = leaking_images(images)
    found = {"crossing": len(crossing), "examples": crossing[:EXAMPLES]}
    return {**found, "test_images": tested, "leaking_test_images": leaking}


def gather_features(
    pixels: NDArray[np.uint8], rows: NDArray[np.int64], files: pd.DataFrame, images: pd.DataFrame,
    training: NDArray[np.bool_],
) -> dict[str, Features]:  # fmt: skip
    """The numbers that each probe sees, (N, k), by its name.

    Args:
        pixels: (all rows, H, W).
        rows: of the N images.
        files: their properties, with ``converted``.
        images: their covariates.
        training: which of them are trained on.
    """
    seen = {"properties": property_columns(files, training), **glance_at(pixels, rows)}
    return {
        **seen,
        "all": np.concatenate(list(seen.values()), axis=1),
        "covariates": covariate_columns(images, training),
    }
