"""The sections on evidence over time: looks, time to onset, and the cohort."""

from __future__ import annotations

from collections.abc import Iterable

from dashboards.reports.document import (
    Block,
    Facts,
    Section,
    Table,
    Text,
    Worked,
    column,
    count,
    e_value,
    limits,
    numbers,
    shown,
    table,
    words,
)
from dashboards.reports.figures import Cohort, Sequence
from dashboards.reports.model import Report

MOST_LOOKS = 60


def sections(report: Report) -> tuple[Section, ...]:
    """Each with what it rests on."""
    return (
        Section("Sequential evidence", tuple(_sequential(report))),
        Section("Time to onset", tuple(_onset(report))),
        Section("Cohort evidence", tuple(_cohort(report))),
    )


def _sequential(report: Report) -> Iterable[Block]:
    if not report.sequential:
        yield Text("The pair is in no family of sequential evidence over the reports.")
    for one in report.sequential:
        yield from _family(one)


def _family(one: Sequence) -> Iterable[Block]:
    yield Text(
        f"Family “{one.family}”, {one.dataset} reports, fixed on {one.fixed_on}: "
        f"{count(one.products)} products with {count(one.events)} events, {count(one.size)} pairs, "
        f"those without a report included; alpha {one.alpha:g}, margin {one.margin:g}. A pair that "
        f"is the only one needs an e-value of {e_value(one.asked_alone)}. "
        f"{count(one.looks)} looks were closed by then."
    )
    found = one.confirmation
    rows = [
        ("E-value after the newest look", e_value(one.log_e)),
        ("Largest so far", e_value(one.log_e_sup)),
    ]
    if found is None:
        rows.append(("Confirmed", "no"))
    else:
        rows += [
            ("Confirmed at the look of", f"{found.day}, closed at position {found.position}"),
            ("Cases by then", count(found.n)),
            ("E-value then, and asked", f"{e_value(found.log_e)}, {e_value(found.asked)}"),
            ("Pairs on the list by then", count(found.among)),
            (
                "As corrected (no error rate)",
                f"{e_value(found.corrected_log_e)}, n = {count(found.corrected_n)}"
                + ("; suspended" if found.suspended else ""),
            ),
        ]
    yield Facts(tuple(rows))
    shown_looks = one.reported[-MOST_LOOKS:]
    if shown_looks:
        more = len(one.reported) - len(shown_looks)
        yield table(
            "Looks in which the product was reported: counts of the day, evidence after it",
            (
                column("Day", 1.3),
                numbers("closed at", 0.9),
                numbers("product: event / all", 1.6),
                numbers("others: event / all", 1.6),
                numbers("e-value", 1.2),
                numbers("largest", 1.2),
            ),
            (
                (
                    look.day,
                    str(look.position),
                    f"{count(look.n)} / {count(look.n_product)}",
                    f"{count(look.n_comparator)} / {count(look.n_comparators)}",
                    e_value(look.log_e),
                    e_value(look.log_e_sup),
                )
                for look in shown_looks
            ),
            f"{count(more)} earlier looks stand in the JSON." if more else "",
        )


def _onset(report: Report) -> Iterable[Block]:
    held = report.onset
    yield Text(
        f"{count(held.n)} cases state the day of the start and of the onset, and have the onset "
        f"after the start and before the report; {count(held.left_out)} do not."
    )
    if not held.n:
        return
    rows = [
        (
            "Days: least, median, most",
            f"{count(held.minimum)}, {shown(held.median)}, {count(held.maximum)}",
        )
    ]
    if held.shape is not None:
        rows += [
            (
                "Weibull shape (95 %)",
                limits(held.shape, held.shape_lower, held.shape_upper),
            ),
            (
                "Weibull scale, days (95 %)",
                limits(held.scale, held.scale_lower, held.scale_upper),
            ),
        ]
    rows.append(("Reading", held.reading))
    yield Facts(tuple(rows))
    yield Text("Days: " + ", ".join(str(day) for day in held.days) + ".")
    yield Text(
        "Each time is right-truncated at the days from the start to its own report. A shape whose "
        "limits lie below 1 is early failure (the hazard falls), above 1 wear-out, around 1 random."
    )


def _cohort(report: Report) -> Iterable[Block]:
    held = report.cohort
    if held is None:
        yield Text("The patient courses followed here do not count this event, or there are none.")
        return
    yield Text(
        f"{count(held.courses)} courses, counted up to {held.through} ({held.lag_days} days before "
        "the lock point, since reports take time). First events over person-time at risk; a person "
        "is at risk who has a record that could show the event."
    )
    yield _rates(held)
    if held.steps:
        yield Worked("Rate of the product as a whole", held.steps)
    if held.against:
        yield table(
            "The product's rate over others",
            (
                column("Reference", 2),
                numbers("n / time", 1.3),
                numbers("reference n / time", 1.6),
                numbers("Ratio (95 %)", 1.8),
            ),
            (
                (
                    f"{words(one.reference)} ({one.source})",
                    f"{shown(one.n)} / {shown(one.time)}",
                    f"{shown(one.n_reference)} / {shown(one.time_reference)}",
                    limits(one.ratio, one.lower, one.upper),
                )
                for one in held.against
            ),
            "Time in patient-years. Limits of a ratio are exact, from both counts.",
        )
    yield from _runs(held)
    yield from _cohort_looks(held)


def _rates(held: Cohort) -> Table:
    return table(
        "First events and person-time",
        (
            column("Who", 2.2),
            numbers("n", 0.6),
            numbers("person-days", 1.1),
            numbers("courses", 0.8),
            numbers("per 100 patient-years (95 %)", 2),
            numbers("sessions with / of", 1.3),
        ),
        (
            (
                one.product + (f", {one.axis} {one.stratum or 'not known'}" if one.axis else ""),
                count(one.n),
                count(one.person_days),
                count(one.courses),
                limits(one.rate, one.rate_lower, one.rate_upper) if one.person_days else "no data",
                f"{count(one.sessions_with)} / {count(one.sessions)}" if one.sessions else "–",
            )
            for one in held.rates
        ),
    )


def _runs(held: Cohort) -> Iterable[Block]:
    if held.runs:
        yield table(
            "Tests with a horizon (maxSPRT): a run ends with a signal, or at its horizon without",
            (
                column("Test, against", 2.6),
                column("Product", 1.2),
                column("Run", 1.6),
                column("State", 0.9),
                numbers("n / expected", 1.2),
                numbers("horizon", 0.9),
                numbers("LLR / critical", 1.4),
            ),
            (
                (
                    f"{words(one.test)}: {words(one.against)}; alpha {one.alpha:g}, at least "
                    f"{one.min_events} events",
                    one.product,
                    f"{one.number}: {one.first_day} to {one.last_day}",
                    one.state + (f", {one.reason}" if one.reason else ""),
                    f"{shown(one.n)} / {shown(one.expected)}",
                    shown(one.horizon),
                    f"{shown(one.llr)} / {shown(one.critical_value)}",
                )
                for one in held.runs
            ),
        )


def _cohort_looks(held: Cohort) -> Iterable[Block]:
    if not held.evidence:
        yield Text(f"No look of the cohort's family ({count(held.family)} comparisons) has it.")
        return
    yield table(
        f"Looks of the cohort's family of {count(held.family)} comparisons",
        (
            column("Comparison", 1.6),
            column("Day", 1.2),
            numbers("n / time", 1.2),
            numbers("other n / time", 1.3),
            numbers("e-value"),
            numbers("largest"),
        ),
        (
            (
                words(one.test),
                one.day,
                f"{shown(one.n)} / {shown(one.time)}",
                f"{shown(one.n_other)} / {shown(one.time_other)}",
                e_value(one.log_e),
                e_value(one.log_e_sup),
            )
            for one in held.evidence[-MOST_LOOKS:]
        ),
    )
