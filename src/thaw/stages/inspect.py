"""inspect: a look at the data before training.

Reads     data/labels.csv, data/dataset.json, data/split.csv, reports/split.json, data/images.npy, data/images.csv,
          reports/quality.csv; the quarantined pictures themselves, to show what is left of them.
Writes    reports/dataset.html (counts, figures, samples, copies; nothing is loaded from elsewhere),
          reports/warnings.json (each warning's code and text).
Promises  patients are counted, never named; the array of images is read row by row, however large it is.
"""

from __future__ import annotations

from pathlib import Path

from thaw.command import arguments, run
from thaw.files import write_json, write_text
from thaw.inspection.findings import inspect_material
from thaw.inspection.material import load_material
from thaw.inspection.page import render_page

PAGE, WARNINGS = Path("reports/dataset.html"), Path("reports/warnings.json")


def main() -> None:
    """Inspect what the stages before left, write the page, and say the warnings."""
    arguments(__doc__)
    material = load_material()
    findings = inspect_material(material)
    write_text(PAGE, render_page(material, findings))
    cautions = [{"code": caution.code, "text": caution.text} for caution in findings.cautions]
    write_json(WARNINGS, {"warnings": cautions})
    for caution in findings.cautions:
        print(f"warning: {caution.text}")
    print(f"The data at a glance: {PAGE}")


if __name__ == "__main__":
    run(main)
