"""reports/report.html: all sections, put into the template; nothing is loaded from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from thaw.caveats import RESEARCH_ONLY
from thaw.files import write_text
from thaw.report.html.blocks import Section
from thaw.report.html.data import dataset, leaks, other_data, training_sizes
from thaw.report.html.decisions import calibration, operating_points, prediction_sets
from thaw.report.html.facts import PageFacts
from thaw.report.html.failures import failures
from thaw.report.html.features import features
from thaw.report.html.gallery import gallery
from thaw.report.html.groups import groups
from thaw.report.html.measured import measured, moved
from thaw.report.html.origin import limits, provenance
from thaw.report.html.pictures import Budget
from thaw.report.html.quality import classes, confusion, learning, ranking
from thaw.report.html.strategies import cost, differences, strategies
from thaw.report.html.thawed import thawed
from thaw.report.html.verdict import verdict

LIMIT = 10_000_000  # bytes of the whole page: what mail servers let through
# characters of pictures; the rest is text, tables and style
FIGURES, MAPS, FAILURES = 3_200_000, 3_400_000, 2_000_000
SHARES = (1.0, 0.5, 0.0)  # of these, where very many cells make the text too long for them
TEMPLATES = Path(__file__).parent / "templates"

Parts = list[tuple[str, list[Section]]]


def write_html(target: Path, facts: PageFacts) -> None:
    """Write the whole report as one file of less than ``LIMIT`` bytes that needs no network.

    Where not all pictures fit, some are left out, and the page says how many.
    """
    for share in SHARES:
        page = render(facts, share)
        if len(page.encode()) < LIMIT:
            break
    write_text(target, page)


def render(facts: PageFacts, share: float = 1.0) -> str:
    """The page as HTML; ``share``: of the characters that pictures may take."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    script = (TEMPLATES / "script.js").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(
        title=f"{facts.results.subject.title}: freezing strategies compared",
        split=f"Split: {facts.results.subject.split}",
        date=facts.provenance.date,
        command=facts.provenance.command,
        commit=facts.provenance.commit,
        research_only=RESEARCH_ONLY,
        synthetic=facts.dataset["synthetic"],
        leaking=facts.results.subject.leaking,
        parts=parts(facts, share),
        script=Markup(script),  # noqa: S704 (our own file)
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
    )


def parts(facts: PageFacts, share: float = 1.0) -> Parts:
    """The sections in their order, by part of the page; those whose data are missing are left out."""
    figures, maps, errors = (Budget(int(share * size)) for size in (FIGURES, MAPS, FAILURES))
    pooled = bool(facts.results.subject.pooling)
    named: Sequence[tuple[str, Sequence[Section | None]]] = (
        ("Answer", [verdict(facts), strategies(facts), cost(facts, figures), differences(facts)]),
        ("Quality", [
            classes(facts, figures), ranking(facts, figures), confusion(facts, figures), learning(facts, figures),
            training_sizes(facts, figures),
        ]),
        ("Decisions", [] if pooled else [
            operating_points(facts), calibration(facts, figures), prediction_sets(facts, figures),
        ]),
        ("Whom and where", [groups(facts, figures), other_data(facts), leaks(facts)]),
        ("Networks", [
            thawed(facts, figures), gallery(facts, maps), measured(facts, figures), moved(facts, figures),
            features(facts, figures), failures(facts, errors),
        ]),
        ("Origin", [dataset(facts), provenance(facts), limits(facts)]),
    )  # fmt: skip
    found = [(name, [section for section in sections if section]) for name, sections in named]
    return [(name, sections) for name, sections in found if sections]
