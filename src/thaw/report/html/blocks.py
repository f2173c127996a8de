"""What a section of the page is made of; ``templates/blocks.html.j2`` says how each kind is written.

All text is plain: the template escapes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from markupsafe import Markup


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; ``soft``: an explanation, smaller."""

    text: str
    soft: bool = False
    kind: ClassVar[str] = "paragraph"


@dataclass(frozen=True)
class Subheading:
    """A heading below the section's."""

    text: str
    kind: ClassVar[str] = "subheading"


@dataclass(frozen=True)
class Bullets:
    """A list; ``warning``: in a box that cannot be overlooked."""

    items: Sequence[str]
    warning: bool = False
    kind: ClassVar[str] = "bullets"


@dataclass(frozen=True)
class Facts:
    """Names and what they stand for."""

    pairs: Sequence[tuple[str, str]]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what stands in it.
        ends: an interval, smaller, behind it.
        sort: what it is sorted by; None: the text.
        swatch: the colour that the figures give to what it names.
        badge: a word set off.
        mark: how the cell is to be taken.
        undefined: whether there is a value at all; without one a dash stands there and it is sorted last.
    """

    text: str
    ends: str = ""
    sort: float | None = None
    swatch: str | None = None
    badge: str = ""
    mark: Literal["", "good", "bad"] = ""
    undefined: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: what it shows.
        columns: their headings.
        rows: as many cells each.
        names: so many columns on the left are text and name the row; the others hold numbers.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    names: int
    kind: ClassVar[str] = "table"

    @property
    def numeric(self) -> list[bool]:
        """Which columns are sorted by number: those all of whose cells have one, or nothing."""
        places = range(len(self.columns))
        return [all(row[place].sort is not None or not row[place].text for row in self.rows) for place in places]

    @property
    def sortable(self) -> bool:
        """Whether there is anything to sort."""
        return len(self.rows) > 1


@dataclass(frozen=True)
class Drawing:
    """A figure.

    Attributes:
        caption: what it shows.
        markup: an <svg> whose text is escaped; None: see ``uri``.
        uri: of a picture, where the drawing has too many lines for an <svg>.
        title: for those who do not see the picture.
        width: at which its text has the page's size, inches.
    """

    caption: str
    title: str
    width: float
    markup: Markup | None = None
    uri: str | None = None
    kind: ClassVar[str] = "drawing"


@dataclass(frozen=True)
class Picture:
    """An X-ray or a heat map over one.

    Attributes:
        uri: of the picture; None: there is none.
        alt: for those who do not see it.
        caption: below it.
        mark: whether what the caption says is right or wrong.
    """

    uri: str | None
    alt: str
    caption: str
    mark: Literal["", "good", "bad"] = ""

    @property
    def size(self) -> int:
        """Characters that it takes on the page."""
        return len(self.uri or "")


@dataclass(frozen=True)
class SheetRow:
    """One image, and beside it what each strategy looks at."""

    name: str
    pictures: Sequence[Picture]

    @property
    def size(self) -> int:
        """Characters that its pictures take on the page."""
        return sum(picture.size for picture in self.pictures)


@dataclass(frozen=True)
class Sheet:
    """Pictures in rows, one an image, and columns: the image, then the strategies."""

    caption: str
    columns: Sequence[Cell]
    rows: Sequence[SheetRow]
    kind: ClassVar[str] = "sheet"


@dataclass(frozen=True)
class Failure:
    """An error: the image, the heat map, what is known of it, and training images like it."""

    title: str
    pictures: Sequence[Picture]
    known: Sequence[tuple[str, str]]
    neighbours: Sequence[Picture]
    kind: ClassVar[str] = "failure"

    @property
    def size(self) -> int:
        """Characters that its pictures take on the page."""
        return sum(picture.size for picture in (*self.pictures, *self.neighbours))


@dataclass(frozen=True)
class Answer:
    """A verdict.

    Attributes:
        of: the model, or all of them.
        sentence: the recommendation.
        figures: name, value and interval of what the recommended strategy brings and costs.
        reasons: what it rests on.
        swatch: the colour of the recommended strategy.
        strategy: the recommended one; None where there is none.
        shown: in a few words what was shown.
    """

    of: str
    sentence: str
    figures: Sequence[tuple[str, str, str]]
    reasons: Sequence[str]
    shown: str
    strategy: str | None = None
    swatch: str | None = None
    kind: ClassVar[str] = "answer"


@dataclass(frozen=True)
class Fold:
    """Blocks that are shown on demand; all of them on paper."""

    summary: str
    blocks: Sequence[Block]
    opened: bool = False
    kind: ClassVar[str] = "fold"


Block = Paragraph | Subheading | Bullets | Facts | Table | Drawing | Sheet | Failure | Answer | Fold


@dataclass(frozen=True)
class Section:
    """A section of the page; ``name`` is its address within it."""

    name: str
    title: str
    blocks: Sequence[Block]


UNDEFINED = Cell("", undefined=True)
BLANK = Cell("")
