"""The inbox as CSV: at its head of which moment it is and by which filters."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from dashboards.board.moment import Moment
from dashboards.board.ranking import Ranked

COLUMNS = (
    "place",
    "signal",
    "dataset",
    "product",
    "event",
    "kind",
    "rules_that_hold",
    "n",
    "expected",
    "ic",
    "ic025",
    "rate_per_patient_year",
    "cases",
    "serious",
    "fatal",
    "since",
    "listed",
    "state",
    "owner",
    "due",
)


def as_csv(
    placed: Iterable[tuple[int, Ranked]], of_all: int, moment: Moment, filters: Mapping[str, str]
) -> str:
    """Lines with their place in the whole order; numbers as they are stored.

    The head has one row a fact (a name in its first column that begins with #), then the columns.
    A value that a spreadsheet would take for a formula is quoted by '.
    """
    listed = list(placed)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["# position", moment.position])
    writer.writerow(["# moment", str(moment)])
    for name, value in filters.items():
        writer.writerow([f"# filter {name}", plain(value)])
    if not filters:
        writer.writerow(["# filter", "none"])
    writer.writerow(["# signals", len(listed), f"of {of_all}"])
    writer.writerow(COLUMNS)
    for place, one in listed:
        writer.writerow([plain(value) for value in _row(place, one)])
    return out.getvalue()


def plain(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula.

    >>> plain("=1+1"), plain(-0.5), plain(None)
    ("'=1+1", -0.5, '')
    """
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return "" if value is None else value


def _row(place: int, one: Ranked) -> tuple[Any, ...]:
    row = one.row
    return (
        place,
        row.id,
        row.dataset,
        row.product,
        row.event,
        row.kind,
        "; ".join(one.held),
        one.n,
        row.expected,
        row.ic,
        row.ic025,
        row.rate,
        one.count.n,
        one.count.serious,
        one.count.fatal,
        datetime.fromtimestamp(one.since, UTC).isoformat(timespec="seconds"),
        "no" if one.rank.unexpectedness else "yes",
        row.state,
        row.owner,
        row.due,
    )
