"""A document as one HTML file: no script, nothing from elsewhere, readable on paper."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path

import jinja2
from markupsafe import Markup

from dashboards.reports.document import Document

_TEMPLATES = Path(__file__).parent / "templates"


def as_html(document: Document) -> bytes:
    """The page; everything that came from a record is escaped."""
    page = _environment().get_template("report.html")
    # the style is a file of this package
    text = page.render(document=document, style=Markup(_style()))
    return text.encode() + b"\n"


def policy() -> str:
    """The Content-Security-Policy of the page: its own style, by its hash, and nothing else.

    >>> policy().startswith("default-src 'none'; style-src 'sha256-")
    True
    """
    hashed = b64encode(sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


@cache
def _style() -> str:
    return (_TEMPLATES / "report.css").read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
