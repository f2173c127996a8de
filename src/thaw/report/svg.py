"""A figure as an <svg> element inside an HTML page, in the page's own ink and paper.

Matplotlib's black, white and grays become the page's custom properties ``--ink``, ``--paper`` and ``--grid``, so that a
figure follows a light and a dark page alike; colours and pictures stay as they are.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from itertools import count
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import matplotlib.style
from matplotlib.figure import Figure

from thaw.report.style import SETTINGS, house_style

INK, PAPER, GRID = "var(--ink, #000)", "var(--paper, #fff)", "var(--grid, #e5e5e5)"
# text stays text; ids of clips and markers depend on the figure alone
DRAWN: dict[str, Any] = {"svg.fonttype": "none", "svg.hashsalt": "thaw", "svg.image_inline": True}
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
LINK = "{http://www.w3.org/1999/xlink}href"
NAMESPACE = "http://www.w3.org/2000/svg"
INHERITED = f"fill: {INK}; font-family: sans-serif; stroke-linejoin: round; stroke-linecap: butt"

_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML 1.0
_URL = re.compile(r"url\(#([^)]+)\)")
_FRACTION = re.compile(r"-?\d+\.\d+")
_NO_TURN = re.compile(r"rotate\(-?0( [^)]*)?\)")
_COLOUR = re.compile(r"#([0-9a-f]{2})\1\1", re.IGNORECASE)


def inline_svg(figure: Figure, title: str, description: str) -> str:
    """Draw ``figure`` as one <svg> element; the same figure is the same text.

    It refers to nothing outside itself, has ids that no other figure of a page has, and grows to the width it is given,
    at most to its own. Figures of one page need titles of their own.

    Args:
        figure: as the functions of this package draw them.
        title: what a screen reader says first.
        description: what it says then: what is to be seen.
    """
    drawn = _drawn(figure)
    name = "f" + hashlib.sha256("\0".join((title, description, drawn)).encode()).hexdigest()[:8]
    root = ElementTree.fromstring(drawn)  # noqa: S314 (matplotlib wrote it; it opens no external entity)
    _rename(root, name)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        _shorten(element)
        _recolour(element)
    _hoist(root)
    _prune(root)
    _frame(root, name, title, description)
    return ElementTree.tostring(root, encoding="unicode")


def _drawn(figure: Figure) -> str:
    buffer = io.StringIO()
    with house_style(), matplotlib.style.context(DRAWN), warnings.catch_warnings():
        # the page's font draws the text, not matplotlib's
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(buffer, format="svg", transparent=True, metadata=NO_METADATA)
    return _FORBIDDEN.sub("", buffer.getvalue())


def _rename(root: Element, name: str) -> None:
    """Give new ids to what is referred to, and take them from everything else."""
    referred = {identifier for element in root.iter() for identifier in _references(element)}
    numbers = count()
    names = {
        element.attrib["id"]: f"{name}-{next(numbers)}" for element in root.iter() if element.get("id") in referred
    }
    for element in root.iter():
        if (old := element.attrib.pop("id", None)) in names:
            element.set("id", names[old])
        if link := element.attrib.pop(LINK, None):
            element.set("href", f"#{names[link[1:]]}" if link.startswith("#") else "".join(link.split()))
        for key, value in element.attrib.items():
            if "url(#" in value:
                element.set(key, _URL.sub(lambda found: f"url(#{names[found[1]]})", value))


def _references(element: Element) -> list[str]:
    link = element.get(LINK, "")
    found = [identifier for value in element.attrib.values() for identifier in _URL.findall(value)]
    return [*found, link[1:]] if link.startswith("#") else found


def _shorten(element: Element) -> None:
    """Hundredths of a point are enough, of markers tenths."""
    digits = 1 if element.tag == "use" else 2
    for key in ("d", "x", "y", "width", "height", "transform"):
        value = element.get(key)
        if value is None or "matrix" in value or "scale" in value:
            continue
        value = _FRACTION.sub(lambda found: f"{float(found[0]):.{digits}f}".rstrip("0").rstrip("."), value)
        if key == "d":
            value = re.sub(r"\s*([A-Za-z])\s*", r"\1", value).strip()
        if key == "transform":
            value = _NO_TURN.sub("", value).strip()
        if value:
            element.set(key, value)
        else:
            del element.attrib[key]


def _recolour(element: Element) -> None:
    """Ink, paper and grid for black, white and grays; a gray is thinner ink."""
    written = [part.partition(":") for part in element.get("style", "").split(";") if part.strip()]
    style = {key.strip(): value.strip() for key, _, value in written}
    style |= {key: element.attrib.pop(key) for key in ("fill", "stroke") if key in element.attrib}
    style.pop("font-family", None)
    for key in ("fill", "stroke"):
        if not (gray := _COLOUR.fullmatch(style.get(key, ""))):
            continue
        white = gray[0].lower() == "#ffffff"
        if white and element.tag == "text":
            continue  # it stands on a colour
        if white or gray[0].lower() == SETTINGS["grid.color"].lower():
            style[key] = PAPER if white else GRID
            continue
        style[key] = INK
        opacity = float(style.get(f"{key}-opacity", 1)) * (1 - int(gray[1], 16) / 255)
        if opacity < 1:
            style[f"{key}-opacity"] = f"{opacity:.2g}"
    element.attrib.pop("style", None)
    if style:
        element.set("style", "; ".join(f"{key}: {value}" for key, value in style.items()))


def _hoist(root: Element) -> None:
    """Say the style of equal markers once, on their group."""
    for group in root.iter("g"):
        styles = {marker.get("style") for marker in group}
        if len(group) > 1 and len(styles) == 1 and all(marker.tag == "use" for marker in group):
            group.set("style", styles.pop() or "")
            for marker in group:
                marker.attrib.pop("style", None)


def _prune(root: Element) -> None:
    """Take out grounds that were made transparent, and the white space between elements."""
    for element in root.iter():
        for child in [child for child in element if child.tag == "path" and child.get("style") == "fill: none"]:
            element.remove(child)
        element.tail = None
        if element.tag != "text":
            element.text = None


def _frame(root: Element, name: str, title: str, description: str) -> None:
    """The outer element: size, text for screen readers, and what all others inherit."""
    definitions = root.find("defs")
    if definitions is not None and definitions.find("style") is not None:
        root.remove(definitions)  # matplotlib's rule would hold for the whole page
    width, view = root.attrib["width"], root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update({
        "xmlns": NAMESPACE, "viewBox": view, "width": "100%", "role": "img",
        "aria-labelledby": f"{name}-title {name}-description", "style": f"{INHERITED}; max-width: {width}",
    })  # fmt: skip
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        spoken = Element(tag, id=f"{name}-{'description' if place else 'title'}")
        spoken.text = _FORBIDDEN.sub("", text)
        root.insert(place, spoken)
