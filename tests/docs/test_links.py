"""Every link of the documentation leads somewhere, its anchor included, and every page can be reached."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.pages import FENCE, PAGES, ROOT, prose

LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def links(page: Path) -> list[str]:
    """Targets inside the repository."""
    return [target for target in LINK.findall(prose(page)) if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def resolved(page: Path, target: str) -> tuple[Path, str]:
    path, _, anchor = unquote(target).partition("#")
    return ((page.parent / path).resolve() if path else page), anchor


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for target in links(page):
        path, anchor = resolved(page, target)
        assert path.exists(), f"{name}: {target}: nothing is there"
        assert not anchor or anchor in anchors(path), f"{name}: {target}: no such heading"


def test_every_page_of_docs_is_reached_from_its_index() -> None:
    index = ROOT / "docs/README.md"
    reached = {resolved(index, target)[0] for target in links(index)}
    assert {page for page in PAGES if page.parent != ROOT} - {index} <= reached


def test_anchors_are_those_of_github(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Which X-rays\n## `dvc plots`, now\n## Again\n## Again\n```\n# no heading\n```\n")
    assert anchors(page) == {"which-x-rays", "dvc-plots-now", "again", "again-1"}
