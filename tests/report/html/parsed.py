"""A page as its readers meet it: elements, text, and whether the tags fit each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input"}
# their end tags may be left out, or a parser may close them by itself
UNSEEN = {"script", "style"}


@dataclass
class Element:
    """One element with its attributes."""

    tag: str
    attributes: dict[str, str]
    inside: tuple[str, ...]


@dataclass
class Page(HTMLParser):
    """All elements, and the text that is seen or read aloud."""

    html: str
    elements: list[Element] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, tuple(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, tuple(self.open)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element: {self.open[-5:]}"

    def handle_data(self, data: str) -> None:
        if not UNSEEN & set(self.open):
            self.text.append(data)

    def of(self, tag: str) -> list[Element]:
        """All elements of one tag."""
        return [element for element in self.elements if element.tag == tag]

    @property
    def words(self) -> str:
        """All text, spaces joined."""
        return " ".join(" ".join(self.text).split())
