"""The formats of a report, and how one is written in each."""

from __future__ import annotations

from dashboards.reports import content, flat, periodic_document, signal_document
from dashboards.reports.html import as_html
from dashboards.reports.model import Report
from dashboards.reports.periodic_model import Periodic
from schemas.errors import InputError

MEDIA = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
}


def known(names: str) -> list[str]:
    """The formats that a list asks for; `InputError` ("no_such_format").

    >>> known("html,pdf")
    ['html', 'pdf']
    """
    found = list(dict.fromkeys(name.strip() for name in names.split(",")))
    if wrong := [name for name in found if name not in MEDIA]:
        raise InputError("no_such_format", f"no format {wrong[0]!r}: one of {', '.join(MEDIA)}")
    return found


def rendered(report: Report | Periodic, name: str) -> bytes:
    """The bytes of a report in a format."""
    if name == "json":
        return content.as_json(report)
    if name == "csv":
        return flat.as_csv(report)
    of = signal_document if isinstance(report, Report) else periodic_document
    document = of.document(report)
    if name == "html":
        return as_html(document)
    from dashboards.reports.pdf import as_pdf

    return as_pdf(document)
