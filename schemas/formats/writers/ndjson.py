"""`ndjson`: one report a line, in our own schema; fields that say nothing are left out."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.formats.writers.target import Target
from schemas.record import REPORT
from schemas.report import Report


def write(target: Target, reports: Iterable[Report]) -> None:
    """Write the reports."""
    with target.opened() as file:
        for report in reports:
            file.write(REPORT.dump_json(report, exclude_defaults=True) + b"\n")
            target.written += 1
