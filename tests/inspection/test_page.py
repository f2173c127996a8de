"""The page: well formed, complete in itself, escaped, without patients' ids."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFile

from thaw.inspection.findings import inspect_material
from thaw.inspection.material import Material
from thaw.inspection.page import render_page
from thaw.inspection.thumbnails import remains, thumbnail_uri

from .conftest import unlike_pictures

VOID = {"meta", "img", "br", "hr", "link", "input"}
HOSTILE = "<script>alert('x')</script>"


class Checker(HTMLParser):
    """Follows the tags of a page and collects what it refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.references: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.text += " " if tag in ("td", "th", "p", "li") else ""

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    return checker


def page_of(material: Material) -> str:
    return render_page(material, inspect_material(material))


def picture_in(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition("base64,")[2])))


def jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def troubled(make_material: Callable[..., Material], tmp_path: Path) -> Material:
    """A hostile class, unknown labels, copies across splits, two unreadable files, one converted."""
    damaged = ["person0000_0.png", "person0000_1.png"]
    (tmp_path / damaged[0]).write_bytes(jpeg(unlike_pictures(1, 300)[0])[:9000])
    (tmp_path / damaged[1]).write_bytes(b"no picture at all")
    reasons = ["damaged or truncated: 9 bytes", f"cannot be read: No such file: '/data/{damaged[1]}'", "16-bit to gray"]
    quality = pd.DataFrame(
        {
            "image": [*damaged, "person0001_2.png"],
            "action": ["quarantined", "quarantined", "converted"],
            "reason": reasons,
        }
    )
    labels = np.stack([np.arange(160) % 3 == 0, np.arange(160) % 5 == 0], axis=1).astype(int)
    labels[10:14, 0] = -1
    rows, pixels = np.arange(160), unlike_pictures(160)
    rows[:2], pixels[14] = -1, pixels[16]
    return make_material(
        labels, pixels, quality, rows, classes=[HOSTILE, "Edema"], synthetic=True, title="A & B", notices=["<i>odd</i>"]
    )


def test_the_page_is_well_formed_and_loads_nothing(troubled: Material) -> None:
    page = read(page_of(troubled))
    assert page.references
    assert all(reference.startswith(("data:image/", "#")) for reference in page.references)
    assert not re.search(r"https?://|@import|url\(", page_of(troubled))
    assert "script" not in page.seen


def test_hostile_names_are_text(troubled: Material) -> None:
    page = read(page_of(troubled))
    assert HOSTILE in page.text
    assert "A & B: the data before training" in page.text
    assert "<i>odd</i>" in page.text
    assert "i" not in page.seen


def test_no_patient_is_named(troubled: Material) -> None:
    assert "person0" not in page_of(troubled)


def test_the_page_says_what_was_found(troubled: Material) -> None:
    text = " ".join(read(page_of(troubled)).text.split())
    assert "Synthetic: these pictures are drawn" in text
    assert "Not a medical device" in text
    assert "1 picture has identical copies in more than one split" in text
    assert "drawn pictures share their anatomy" in text
    assert "2 images of 160 could not be read" in text
    assert "cannot be read: No such file: '…'" in text
    assert "16-bit to gray 1" in text
    assert "Groups with identical pixels: 1." in text
    assert "unknown" in text


def test_the_page_is_for_paper_and_the_dark_too(troubled: Material) -> None:
    page = page_of(troubled)
    assert "@media print" in page
    assert "prefers-color-scheme: dark" in page


def test_pictures_are_small_and_four_a_class(make_material: Callable[..., Material]) -> None:
    material = make_material(pixels=unlike_pictures(160, 200))
    pictures = [uri for uri in read(page_of(material)).references if uri.startswith("data:image/jpeg")]
    assert len(pictures) == 12
    assert {picture_in(uri).size for uri in pictures} == {(128, 128)}


def test_one_class_an_image_has_no_matrix_and_no_banner(make_material: Callable[..., Material]) -> None:
    labels = np.eye(2)[np.arange(160) % 3 % 2]
    page = page_of(make_material(labels, task="multiclass", columns={"age": np.nan, "view": ""}))
    assert "Labels that come together" not in page
    assert "Synthetic" not in page
    assert "The ages are not known" in page
    assert "View by label" not in page


def test_the_same_data_gives_the_same_page(troubled: Material) -> None:
    assert page_of(troubled) == page_of(troubled)


def test_nothing_readable_is_still_a_page(make_material: Callable[..., Material]) -> None:
    read(page_of(make_material([[0], [0]], rows=[-1, -1])))


def test_many_groups_and_files_are_cut_short(make_material: Callable[..., Material]) -> None:
    pixels = np.repeat(unlike_pictures(80), 2, axis=0)
    names = [f"gone{place}.png" for place in range(30)]
    quality = pd.DataFrame({"image": names, "action": "quarantined", "reason": "no such file in the source"})
    page = page_of(make_material(pixels=pixels, quality=quality))
    text = " ".join(read(page).text.split())
    assert "… and 30 more groups." in text
    assert "… and 6 more." in text
    assert "30 files are left out" in text


def test_what_is_left_of_a_truncated_picture_is_seen_and_pillow_left_as_it_was(troubled: Material) -> None:
    seen = remains(troubled, ["person0000_0.png", "person0000_1.png", "person9999_0.png"])
    assert list(seen) == ["person0000_0.png"]
    upper = np.asarray(picture_in(seen["person0000_0.png"]))[:10]
    assert upper.std() > 5
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_thumbnail_is_the_picture(make_material: Callable[..., Material]) -> None:
    pixels = unlike_pictures(1, 100)[0]
    assert np.corrcoef(np.asarray(picture_in(thumbnail_uri(pixels))).ravel(), pixels.ravel())[0, 1] > 0.98
