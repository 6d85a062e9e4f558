"""A document as one HTML file: no script, nothing from elsewhere, readable on paper."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from dashboards.reports.document import Document

_TEMPLATES = Path(__file__).parent / "templates"


def as_html(document: Document) -> bytes:
    """The page; everything that came from a record is escaped."""
    style = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    page = _environment().get_template("report.html")
    # the style is a file of this package
    text = page.render(document=document, style=Markup(style))
    return text.encode() + b"\n"


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
