"""The case series of a signal: the reports that count for its pair, as they were sent."""

from __future__ import annotations

from sqlalchemy import Connection, select

from dashboards.analysis.fold import fold
from dashboards.reports.moment import AsOf
from dashboards.reports.pairs import DATASETS
from dashboards.reports.setting import Setting
from schemas.errors import InputError
from schemas.record import report_of
from schemas.report import Report
from streams.store import tables


def case_series(connection: Connection, number: int, as_of: AsOf, setting: Setting) -> list[Report]:
    """The newest version of each case, without narratives, by date of receipt and case.

    Errors: `InputError` ("no_such_signal") where it had not been raised by then, "no_case_series"
    where it rests on patient courses.
    """
    table = tables.signals
    row = connection.execute(
        select(table.c.dataset, table.c.product, table.c.event).where(
            table.c.id == number, table.c.raised_position <= as_of.position
        )
    ).first()
    if row is None:
        raise InputError(
            "no_such_signal", f"there was no signal {number} at position {as_of.position}"
        )
    if row.dataset not in DATASETS:
        raise InputError("no_case_series", f"signal {number} rests on courses, not on reports")
    found = fold(connection, as_of.position, setting.configuration.watchlist.watches)
    # one that was erased since has nothing left to be sent
    bodies = [body for case in found.of_pair(*row) if (body := case.body())]
    reports = [report_of(body) for body in bodies]
    return sorted(reports, key=lambda one: (one.received_at, one.sender, one.report_id))
