"""What the patient courses say of a pair at a position: rates over person-time, and their looks."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

from sqlalchemy import Connection, func, select

from dashboards.board import rates, worked
from dashboards.board.rates import Counted
from dashboards.reports.cohort_runs import cohort_runs
from dashboards.reports.course_lines import course_lines
from dashboards.reports.figures import Against, Cohort, CohortLook, Rate
from dashboards.reports.moment import AsOf
from dashboards.reports.setting import Setting
from detectors.coding import base
from detectors.cohort import Cohort as Book
from detectors.cohort_strata import EVERY
from detectors.cohort_strata import strata as counted_strata
from detectors.followup.content import decode_content
from detectors.followup.counted import backgrounds, scope_of
from streams.store import tables
from streams.store.changes import newest_changes


def cohort(
    connection: Connection,
    as_of: AsOf,
    pair: tuple[str, str],
    setting: Setting,
    *,
    listing: bool = True,
) -> Cohort | None:
    """Rates, ratios and looks of a pair; None where the courses do not count the event.

    `listing`: with the courses one by one.
    """
    product, event = pair
    newest = newest_changes(connection, as_of.position, "course")
    changes = sorted(newest, key=lambda one: one.case_id)
    contents = {
        one.case_id: decode_content(one.payload) if one.status == "active" else None
        for one in changes
    }
    book = Book.of((one.case_id, one.revision, contents[one.case_id]) for one in changes)
    if not len(book):
        return None
    scope, events = scope_of(book, as_of.day, setting.configuration.vocabulary.groups_of)
    if event not in events:
        return None
    found = counted_strata(book, scope, [event])
    key = (found.product, found.axis, found.stratum, found.event)
    counts = (found.n, found.days, found.courses)
    sessions = (found.sessions, found.sessions_with, found.sessions_to_first)
    within = found.clusters
    sums = (within.courses, within.with_with, within.with_all, within.all_all)
    columns = [x.tolist() for x in (*key, *counts, *sessions, *sums)]
    names = (
        *("product", "axis", "stratum", "event", "n", "days", "courses"),
        *("sessions", "sessions_with", "sessions_to_first"),
        *("met", "with_with", "with_all", "all_all"),
    )
    held = {"lock_day": as_of.day, "position": as_of.position}
    rows = rates.counted(
        [
            SimpleNamespace(**dict(zip(names, row, strict=True)), **held)
            for row in zip(*columns, strict=True)
        ]
    )
    whole = [row for row in rows if not row.axis]
    own = next((row for row in whole if row.product == base(product)), None)
    every = next(row for row in whole if row.product == EVERY)
    steps: list[str] = []
    against: list[Against] = []
    if own is not None:
        steps = [*worked.rate(own).steps, *(worked.share(own).steps if own.sessions else ())]
        against = [*_backgrounds(own), *_others(own, every)]
    days = tables.cohort_look_days
    by_then = days.c.position <= as_of.position
    family = connection.scalar(
        select(days.c.family).where(by_then).order_by(days.c.day.desc()).limit(1)
    )
    return Cohort(
        through=date.fromordinal(scope.through).isoformat(),
        lag_days=scope.lag_days,
        courses=len(book),
        rates=tuple(
            _rate(row)
            for row in sorted(rows, key=_order)
            if row.product in (base(product), EVERY) and _of(row)
        ),
        against=tuple(against),
        steps=tuple(steps),
        looks=connection.scalar(select(func.count()).where(by_then)) or 0,
        family=family or 0,
        evidence=_evidence(connection, as_of, product, event),
        runs=cohort_runs(connection, as_of, product, event),
        listing=course_lines(connection, book, contents, scope, pair) if listing else None,
    )


def _order(row: Counted) -> tuple[str, str, int, str]:
    """By product and axis, bands of numbers by their first."""
    digits = row.stratum.partition("-")[0]
    return row.product, row.axis, int(digits) if digits.isdigit() else 0, row.stratum


def _of(row: Counted) -> bool:
    """Of all products together only the whole."""
    return row.product != EVERY or not row.axis


def _rate(row: Counted) -> Rate:
    return Rate(
        product="all products" if row.product == EVERY else row.product,
        axis=row.axis,
        stratum=row.stratum,
        n=row.n,
        person_days=row.days,
        patient_years=row.years,
        courses=row.courses,
        rate=row.rate.value,
        rate_lower=row.rate.lower,
        rate_upper=row.rate.upper,
        sessions=row.sessions,
        sessions_with=row.sessions_with,
        share=row.share.value,
        share_lower=row.share.lower,
        share_upper=row.share.upper,
    )


def _backgrounds(own: Counted) -> list[Against]:
    out = []
    for known in backgrounds().of(own.event):
        if known.unit != "patient-years":
            continue
        n, time = known.counted
        ratio = rates.ratio(own.n, own.years, n, time)
        out.append(
            Against(
                reference=known.name,
                source=known.source,
                n=float(own.n),
                time=own.years,
                n_reference=float(n),
                time_reference=float(time),
                unit="patient-years",
                ratio=ratio.value,
                lower=ratio.lower,
                upper=ratio.upper,
            )
        )
    return out


def _others(own: Counted, every: Counted) -> list[Against]:
    n, time = every.n - own.n, every.years - own.years
    if not time or not own.years:
        return []
    ratio = rates.ratio(own.n, own.years, n, time) if own.n + n else rates.NOTHING
    return [
        Against(
            reference="other products of the cohort",
            source="the same courses",
            n=float(own.n),
            time=own.years,
            n_reference=float(n),
            time_reference=time,
            unit="patient-years",
            ratio=ratio.value,
            lower=ratio.lower,
            upper=ratio.upper,
        )
    ]


def _evidence(
    connection: Connection, as_of: AsOf, product: str, event: str
) -> tuple[CohortLook, ...]:
    table = tables.cohort_looks
    by_then = table.c.position <= as_of.position
    rows = connection.execute(
        select(table)
        .where(table.c.product == product, table.c.event == event, by_then)
        .order_by(table.c.test, table.c.day)
    )
    return tuple(
        CohortLook(
            test=row.test,
            day=date.fromordinal(row.day).isoformat(),
            position=row.position,
            n=row.n,
            time=row.time,
            n_other=row.n_other,
            time_other=row.time_other,
            log_e=row.log_e,
            log_e_sup=row.log_e_sup,
        )
        for row in rows
    )
