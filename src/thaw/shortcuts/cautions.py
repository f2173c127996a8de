"""What the report says of leaks and shortcuts, a line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMED = 3  # cells in one line


def shortcut_warnings(shortcuts: Mapping[str, Any], auroc_by_cell: Mapping[str, float | None]) -> list[str]:
    """The warnings that ``reports/shortcuts.json`` gives rise to, in words; none where all is well.

    A probe is warned of where the upper end of its interval is not below a model's AUROC: the data then do not show
    that the model sees more than the probe does. Where it has no interval its AUROC takes the place of the upper end.

    Args:
        shortcuts: what ``measure_shortcuts`` returned.
        auroc_by_cell: test macro AUROC of each model by the name it is to be called; None: undefined.
    """
    lines = [*_patient_lines(shortcuts["patients"]), *_copy_lines(shortcuts["copies"])]
    known = {name: auroc for name, auroc in auroc_by_cell.items() if auroc is not None}
    for probe in shortcuts["probes"].values():
        if probe["auroc_macro"] is not None:
            lines += _probe_lines(probe, known)
    return lines


def _patient_lines(patients: Mapping[str, Any]) -> list[str]:
    crossing, leaking, tested = (patients[name] for name in ("crossing", "leaking_test_images", "test_images"))
    if not crossing:
        return []
    are = "1 patient is" if crossing == 1 else f"{crossing:,} patients are"
    share = f"{leaking:,} of {tested:,} test images show a patient who is trained on"
    return [f"{are} in more than one split; {share}: test figures are too good"]


def _copy_lines(copies: Mapping[str, Any]) -> list[str]:
    pictures, tested = copies["pictures"], copies["test_images"]
    if not pictures:
        return []
    have = "1 picture has" if pictures == 1 else f"{pictures:,} pictures have"
    among = f"{tested:,} test {'image is' if tested == 1 else 'images are'} among them"
    return [f"{have} copies in more than one split; {among}: test figures are too good"]


def _probe_lines(probe: Mapping[str, Any], auroc_by_cell: Mapping[str, float]) -> list[str]:
    value, low, high = (probe[name] for name in ("auroc_macro", "low", "high"))
    reach = value if high is None else high
    reached = sorted((auroc, name) for name, auroc in auroc_by_cell.items() if auroc <= reach)
    if not reached:
        return []
    interval = "" if high is None else f" ({low:.3f} to {high:.3f})"
    named = ", ".join(f"{name} ({auroc:.3f})" for auroc, name in reached[:NAMED])
    more = f" and {len(reached) - NAMED} more" if len(reached) > NAMED else ""
    told = f"{probe['what']} give a linear probe macro AUROC {value:.3f}{interval} on test images"
    return [f"{told}, which reaches {named}{more}: it is not shown that more was learned than such a shortcut"]
