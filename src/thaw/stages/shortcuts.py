"""shortcuts: leaks between the splits, and labels that can be told without looking at the lungs.

Reads     the parameters evaluate.resamples and evaluate.confidence; data/labels.csv, data/dataset.json,
          data/split.csv, reports/split.json, data/images.npy, data/images.csv, reports/quality.csv; the headers of the
          picture files.
Writes    reports/shortcuts.json:
            patients  crossing (how many are in more than one split; must be 0), examples (the first of them),
                      test_images, leaking_test_images (of a patient who is trained on)
            copies    pictures (how many have copies in more than one split), test_images (how many are among them),
                      method (identical | near), distance_bits (of perceptual hashes; null: identical copies alone),
                      examples (images, splits, identical)
            probes    properties | border | brightness | thumbnail | all | covariates, each with what (it sees),
                      features, penalty, auroc_macro, low, high (interval over test patients), auroc (by class),
                      reason (why there is no figure, or null)
            notes     what could not be looked at, a line each
Promises  no network and no torch; probes learn from training images, their penalty from validation images; what is
          undefined is null; a patient on two sides and a copy of a trained picture are also said aloud.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from thaw.command import arguments, run
from thaw.evaluation.rounding import rounded
from thaw.files import write_json
from thaw.images.properties import read_properties
from thaw.inspection.material import load_material
from thaw.params.read import read_params
from thaw.shortcuts.cautions import shortcut_warnings
from thaw.shortcuts.measure import measure_shortcuts

SHORTCUTS = Path("reports/shortcuts.json")


def main() -> None:
    """Check what the stages before left, write what was found, and say the leaks."""
    arguments(__doc__)
    params: Any = read_params("evaluate.resamples", "evaluate.confidence")
    material = load_material()
    properties, note = read_properties(material.source, material.images["image"].tolist())
    settings = params.evaluate
    shortcuts = measure_shortcuts(material, properties, note, settings["resamples"], settings["confidence"])
    write_json(SHORTCUTS, rounded(shortcuts))
    for line in shortcut_warnings(shortcuts, {}):
        print(f"warning: {line}", file=sys.stderr)


if __name__ == "__main__":
    run(main)
