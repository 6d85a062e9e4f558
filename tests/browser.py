"""A look at a page in Chromium: what axe finds, what runs off it, and a picture that is kept."""

from __future__ import annotations

import re
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SCREENSHOTS = Path(__file__).parents[1] / "artifacts/screenshots"


def look_at(page: Page, name: str, scheme: str = "light") -> None:
    """Fail where axe finds something or the page is wider than its window; keep a picture.

    The picture stands in `SCREENSHOTS`, by the name (a path will do), the width and the scheme.
    """
    size = page.viewport_size
    assert size is not None
    found = Axe().run(page)
    picture(page, f"{name}-{size['width']}-{scheme}")
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name


def picture(page: Page, name: str) -> Path:
    """The whole page as a file."""
    path = SCREENSHOTS / f"{file_name(name)}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=True)
    return path


def file_name(name: str) -> str:
    """A name of a file from anything.

    >>> file_name("/signals?product=ketamine+%40home-360-dark"), file_name("/-1280-light")
    ('signals-product-ketamine-40home-360-dark', '1280-light')
    """
    return re.sub(r"[^\w]+", "-", name).strip("-")
