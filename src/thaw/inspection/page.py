"""The page: findings and pictures filled into a template, escaped, with nothing loaded from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from thaw.images.duplicates import MOST_IMAGES
from thaw.inspection.cautions import TELLING_AUROC
from thaw.inspection.copies import Copies, CopyGroup
from thaw.inspection.counts import ALL
from thaw.inspection.covariates import FEWEST, OLDEST_YEARS, UNKNOWN_WORD, Covariates
from thaw.inspection.figures import ages_figure, images_a_patient_figure, together_figure
from thaw.inspection.findings import Findings
from thaw.inspection.material import Material
from thaw.inspection.thumbnails import remains, thumbnail_uri
from thaw.labels import UNKNOWN
from thaw.splitting import SPLITS

TEMPLATE = "page.html.j2"
MOST_QUARANTINED = 24
MOST_GROUPS = 50
GROUPS_WITH_PICTURES = 8
QUOTED_PATH = re.compile(r"""(['"])[^'"]*[/\\][^'"]*\1""")


def render_page(material: Material, findings: Findings) -> str:
    """Return the whole page as HTML; no patient's id, and no file name that may hold one, stands in it."""
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(number=_number, percent=_percent)
    return environment.get_template(TEMPLATE).render(
        dataset=material.dataset,
        split=material.split_summary,
        splits=[*SPLITS, ALL],
        findings=findings,
        labels_unknown=bool((material.labels[material.read] == UNKNOWN).any()),
        samples={name: _pictures(material, members) for name, members in findings.samples.items()},
        figures=_figures(material, findings),
        quarantined=_quarantined(material),
        more_quarantined=max(len(material.quarantined) - MOST_QUARANTINED, 0),
        groups=_groups(material, findings.copies),
        more_groups=max(len(findings.copies.groups) - MOST_GROUPS, 0),
        telling_auroc=TELLING_AUROC,
        fewest=FEWEST,
        oldest_years=OLDEST_YEARS,
        most_images=MOST_IMAGES,
        unknown_view=UNKNOWN_WORD,
    )


def _figures(material: Material, findings: Findings) -> dict[str, str | None]:
    covariates: Covariates = findings.covariates
    return {
        "together": None if findings.together is None else together_figure(findings.together, material.classes),
        "a_patient": images_a_patient_figure(covariates.images_a_patient),
        "ages": ages_figure(covariates.ages) if covariates.ages else None,
    }


def _pictures(material: Material, members: Sequence[int]) -> list[dict[str, str]]:
    return [
        {
            "uri": thumbnail_uri(material.pixels[material.rows[member]]),
            "labels": _label_names(material, member),
            "split": str(material.images["split"].iloc[member]) or "in no split",
        }
        for member in members
    ]


def _label_names(material: Material, member: int) -> str:
    row = material.labels[member]
    said = [name for name, label in zip(material.classes, row, strict=True) if label == 1]
    unknown = int((row == UNKNOWN).sum())
    return ", ".join(said or ["no label"]) + (f" ({unknown} unknown)" if unknown else "")


def _quarantined(material: Material) -> list[dict[str, Any]]:
    """The first files that could not be read: their line in reports/quality.csv, the reason, what can be seen."""
    shown = material.quarantined.head(MOST_QUARANTINED)
    seen = remains(material, shown["image"]) if len(shown) else {}
    return [
        # the header is line 1
        {"line": int(place) + 2, "reason": _anonymous(reason, image), "uri": seen.get(image)}
        for place, image, reason in zip(shown.index, shown["image"], shown["reason"], strict=True)
    ]


def _anonymous(reason: str, image: str) -> str:
    """A reason without the file's name, which often holds the patient's id."""
    for name in (image, image.rsplit("/", 1)[-1]):
        reason = reason.replace(name, "…")
    return QUOTED_PATH.sub("'…'", reason)


def _groups(material: Material, copies: Copies) -> list[Mapping[str, Any]]:
    return [
        {"group": group, "pictures": _pair(material, group) if place < GROUPS_WITH_PICTURES else []}
        for place, group in enumerate(copies.groups[:MOST_GROUPS])
    ]


def _pair(material: Material, group: CopyGroup) -> list[dict[str, str]]:
    """Two members of a group, of different splits or with different labels where there are such."""
    first, *others = group.members
    splits, labels = material.images["split"], material.labels

    def agreement(member: int) -> tuple[bool, bool]:
        return splits.iloc[member] == splits.iloc[first], bool((labels[member] == labels[first]).all())

    return _pictures(material, [first, min(others, key=agreement)])


def _number(number: int) -> str:
    return f"{number:,}"


def _percent(share: float | None) -> str:
    """A share (0..1) for people, - where it is undefined."""
    if share is None:
        return "-"
    return f"{share:.2%}" if 0 < share < 0.01 else f"{share:.1%}"
