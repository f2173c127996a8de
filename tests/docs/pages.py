"""The documentation as its tests read it: pages, their fenced blocks, and how these are applied to a copy of thaw."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r'^( *)```(\w*)(?: title="([^"]+)")?\n(.*?)^\1```$', re.MULTILINE | re.DOTALL)
HUNK = "@@\n"


class Block(NamedTuple):
    """A fenced block: its language, the file that it is or changes, its text."""

    language: str
    title: str
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(*match.groups(default="")[1:]) for match in FENCE.finditer(page.read_text(encoding="utf-8"))]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def commands(block: Block) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output that follows it."""
    parts = re.split(r"^\$ (.*)\n", block.text, flags=re.MULTILINE)[1:]
    return [(parts[place], parts[place + 1]) for place in range(0, len(parts), 2)]


def copy_of_thaw(folder: Path) -> Path:
    """What the worked examples change, and what their tests need."""
    shutil.copytree(ROOT / "src/thaw", folder / "src/thaw", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "params.yaml", folder)
    (folder / "tests").mkdir()
    shutil.copy(ROOT / "tests/conftest.py", folder / "tests")
    return folder


def apply(page: Path, folder: Path) -> None:
    """Do in ``folder`` what the page says: write its titled files, and make the changes of its diffs."""
    for block in blocks(page):
        if block.title and block.language == "diff":
            target = folder / block.title
            target.write_text(changed(target.read_text(encoding="utf-8"), block.text), encoding="utf-8")
        elif block.title:
            target = folder / block.title
            assert not target.exists(), f"{block.title} is there already"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")


def changed(text: str, diff: str) -> str:
    """The text with every hunk of a diff applied; each must fit exactly one place."""
    for hunk in diff.split(HUNK):
        lines = hunk.splitlines(keepends=True)
        assert all(line[0] in " +-" for line in lines), f"a line begins with neither space, + nor -:\n{hunk}"
        before = "".join(line[1:] for line in lines if line[0] != "+")
        after = "".join(line[1:] for line in lines if line[0] != "-")
        # whole lines, or `1: x` would be found in `11: x` too
        assert f"\n{text}".count(f"\n{before}") == 1, f"fits {text.count(before)} places, not one:\n{hunk}"
        text = f"\n{text}".replace(f"\n{before}", f"\n{after}").removeprefix("\n")
    return text
