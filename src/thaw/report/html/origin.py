"""What made the report, and what it cannot say."""

from __future__ import annotations

from thaw.caveats import NOISY, RESEARCH_ONLY
from thaw.report.html.blocks import Block, Bullets, Cell, Facts, Fold, Section
from thaw.report.html.facts import PageFacts
from thaw.report.html.tables import table

NAMED = 5  # changed files
NO_GIT = "unknown: not a Git repository"
NO_FILE_NAMES = (
    "This page shows images, ages and sexes of patients of the test set, but no name of a file or of a patient: an "
    "image is named by its row in data/images.csv."
)
SYNTHETIC = "The images are drawn: nothing on this page says anything about real X-rays."


def provenance(facts: PageFacts) -> Section:
    """Command, commit, data, versions, device, date."""
    made = facts.provenance
    devices = dict.fromkeys(
        f"{result.cost['device']} ({result.cost['precision']})"
        for result in (*facts.results.trained, *facts.results.smaller)
    )
    pairs = [
        ("command", made.command),
        ("commit", made.commit or NO_GIT),
        ("changed since", _changed(made.changed)),
        ("trained on", ", ".join(devices)),
        ("report made on", made.system),
        ("date", f"{made.date} (UTC)"),
        ("versions", ", ".join(f"{name} {version}" for name, version in made.versions.items())),
    ]
    blocks: list[Block] = [Facts(pairs)]
    if made.hashes:
        rows: list[dict[str, Cell | str]] = [{"file": path, "MD5": md5} for path, md5 in made.hashes.items()]
        blocks.append(Fold("Data and pretrained weights (dvc.lock)", [table("Hashes of dvc.lock", rows)]))
    return Section("provenance", "Where this report comes from", blocks)


def limits(facts: PageFacts) -> Section:
    """What a reader must not conclude."""
    drawn = [SYNTHETIC] if facts.dataset["synthetic"] else [NO_FILE_NAMES]
    lines = [*facts.results.subject.limits, *drawn, NOISY, RESEARCH_ONLY]
    return Section("limits", "Limits", [Bullets(lines)])


def _changed(changed: tuple[str, ...] | None) -> str:
    if changed is None:
        return "unknown"
    if not changed:
        return "nothing: the code is that of the commit"
    more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
    return f"{', '.join(changed[:NAMED])}{more}"
