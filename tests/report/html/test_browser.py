"""The page in a real browser: looks, sorting, printing, and that nothing leaves it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.report.html.made import hostile_page

CHROMIUM = Path(os.environ.get("THAW_CHROMIUM", "/usr/bin/chromium"))
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-dev-shm-usage",
]
WIDTHS = (360, 800, 1400)
KEYS = "els => els.map(row => row.cells[1].dataset.sort)"

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(hostile_page(), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opened(browser, address: str) -> Iterator:
    """A page of the report; no message, no error and no request but for the file itself may come of it."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    yield page
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [address]
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_width(opened, scheme: str, tmp_path: Path) -> None:
    opened.emulate_media(color_scheme=scheme)
    for width in WIDTHS:
        opened.set_viewport_size({"width": width, "height": 900})
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        assert len(opened.screenshot(path=tmp_path / f"{width}.png")) > 10_000
    dark = opened.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 19, 22)"
    assert dark == (scheme == "dark")


def test_tables_are_sorted_by_mouse_and_by_keyboard(opened) -> None:
    table = opened.locator("#strategies table")
    heading = table.locator("thead th").nth(1)
    assert heading.inner_text().startswith("AUROC")
    heading.locator("button").click()
    falling = table.locator("tbody tr").evaluate_all(KEYS)
    assert falling == sorted(falling, key=float, reverse=True)
    assert heading.get_attribute("aria-sort") == "descending"
    heading.locator("button").focus()
    opened.keyboard.press("Enter")
    assert table.locator("tbody tr").evaluate_all(KEYS) == falling[::-1]
    assert heading.get_attribute("aria-sort") == "ascending"
    table.locator("thead button").first.focus()
    opened.keyboard.press("Space")
    assert table.locator("[aria-sort]").all_inner_texts()[0].startswith("strategy")


def test_the_first_stop_of_the_tab_key_skips_to_the_verdict(opened) -> None:
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.textContent") == "Skip to the verdict"
    opened.keyboard.press("Enter")
    assert opened.url.endswith("#verdict")


def test_it_prints_with_everything_unfolded(opened, tmp_path: Path) -> None:
    folded = opened.locator("details:not([open])").count()
    assert folded > 0
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.locator("details:not([open])").count() == 0
    opened.evaluate("dispatchEvent(new Event('afterprint'))")
    assert opened.locator("details:not([open])").count() == folded
    assert opened.pdf(path=tmp_path / "report.pdf", format="A4").startswith(b"%PDF")


def test_it_can_be_read_without_scripts(browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator("thead button").count() == 0
    assert page.locator("#strategies tbody tr").count() == 2
    context.close()
