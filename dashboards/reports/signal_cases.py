"""The sections on the cases: their features, tabulations, what their data lack, the listing."""

from __future__ import annotations

from dashboards.analysis.figures import Line, Tabulation
from dashboards.reports.document import (
    NONE,
    Facts,
    Section,
    Table,
    Text,
    column,
    count,
    numbers,
    share,
    shown,
    table,
    words,
)
from dashboards.reports.model import Report

MOST = 500  # cases on the pages


def sections(report: Report) -> tuple[Section, ...]:
    """Features and tabulations, then data quality."""
    f, q = report.features, report.quality
    return (
        Section("Case series", ()),
        Section(
            "Features that weigh in an assessment",
            (
                Facts(
                    (
                        ("Cases", count(f.cases)),
                        ("Serious", share(f.serious, f.cases)),
                        ("Fatal", share(f.fatal, f.cases)),
                        ("From health professionals", share(f.professional, f.cases)),
                        ("Positive dechallenge", share(f.positive_dechallenge, f.cases)),
                        ("Positive rechallenge", share(f.positive_rechallenge, f.cases)),
                        ("With time to onset", share(f.with_time_to_onset, f.cases)),
                        ("No other suspect product", share(f.single_suspect, f.cases)),
                        ("Senders", f"{count(f.senders)}, the largest {count(f.largest_sender)}"),
                    )
                ),
            ),
            2,
        ),
        Section(
            "Summary tabulations",
            tuple(_tabulation(one, report) for one in report.tabulations),
            2,
        ),
        Section(
            "Data quality",
            (
                table(
                    "In how many cases of the pair a field is stated",
                    (column("Field", 2), numbers("Stated", 1.5), numbers("Not stated")),
                    ((x.field, share(x.n, x.of), count(x.of - x.n)) for x in q.stated),
                ),
                Facts(
                    (
                        ("Cases with versions that contradict each other", count(q.conflicts)),
                        (
                            "Cases with a product that the vocabulary does not know",
                            count(q.unmatched_products),
                        ),
                        (
                            "Cases with an event that the vocabulary does not know",
                            count(q.unmatched_events),
                        ),
                        ("Records sent again or held, of all received", _held(report)),
                        ("Cases of all pairs that patients had erased", count(q.erased)),
                    )
                ),
                Text("What was held in quarantine counts nowhere in this report."),
            ),
        ),
    )


def listing(report: Report) -> Section:
    """The cases of the pair as their newest versions said: all, or `MOST` of very many.

    A page of a table takes memory; of many the fatal ones, then the serious, then the newest.
    """
    text = (
        "Each case as its newest version said at the lock point, oldest receipt first. No "
        "pseudonym and no narrative is in it; the sender can find the case by its number."
    )
    if not report.cases and report.features.cases:
        text = (
            f"This copy is for readers who may not read rows of single patients: its "
            f"{count(report.features.cases)} cases are counted and not listed."
        )
        return Section("Line listing", (Text(text),), wide=True)
    if not report.cases:
        return Section("Line listing", (Text("There is no case."),), wide=True)
    chosen = report.cases
    if len(chosen) > MOST:
        places = sorted(range(len(chosen)), key=lambda i: (*_weight(chosen[i]), i))[-MOST:]
        chosen = tuple(chosen[i] for i in sorted(places))
        text += (
            f" Of {count(len(report.cases))} cases these are {count(MOST)}: the fatal ones, then "
            "the serious, then the newest. JSON and CSV have all of them."
        )
    return Section("Line listing", (Text(text), _lines(report, chosen)), wide=True)


def _weight(one: Line) -> tuple[bool, bool]:
    return one.outcome == "fatal" or "death" in one.seriousness, one.serious


def _held(report: Report) -> str:
    return share(report.quality.not_counted, report.quality.received)


def _tabulation(one: Tabulation, report: Report) -> Table:
    cells = report.pairs[0].cells
    of = (cells.a, cells.n_product - cells.a, cells.n_total - cells.n_product)
    return table(
        one.title + (" (a case may stand in several rows)" if one.several else ""),
        (
            column("Value", 2),
            numbers("this pair"),
            numbers("product, other events"),
            numbers("all other products"),
        ),
        (
            (
                words(row.value),
                *(share(n, of[i]) for i, n in enumerate((row.pair, row.product, row.others))),
            )
            for row in one.rows
        ),
    )


def _lines(report: Report, chosen: tuple[Line, ...]) -> Table:
    return table(
        f"Cases of {report.subject.product} with the event",
        (
            column("Case", 1.5),
            column("Receipt, type, country, reporter", 1.5),
            column("Patient", 0.8),
            column("Dose, route, setting", 1.3),
            column("Start, onset (days)", 1.2),
            column("Events", 1.7),
            column("Serious", 1.2),
            column("Outcome, de- and rechallenge", 1.5),
            column("Other suspects; concomitants", 1.5),
        ),
        (_row(one) for one in chosen),
    )


def _row(one: Line) -> tuple[str, ...]:
    version = "" if one.version is None else f", version {one.version}"
    version += ", erased" if one.erased else ""
    dose = "" if one.dose_mg is None else f"{shown(one.dose_mg)} mg"
    age = "" if one.age_years is None else f"{shown(one.age_years)} y"
    days = "" if one.latency_days is None else f" ({count(one.latency_days)})"
    dates = f"{one.started_at or NONE}, {one.onset_at or NONE}{days}"
    challenges = [
        f"{name} {words(value)}"
        for name, value in (("de", one.dechallenge), ("re", one.rechallenge))
        if value
    ]
    return (
        f"{one.report_id}{version}; {one.sender}",
        _joined(one.received_at[:10], one.report_type, one.country, words(one.reporter)),
        _joined(age, one.sex),
        _joined(dose, one.route, one.setting, one.phase, "" if one.role == "suspect" else one.role),
        dates,
        "; ".join(one.terms),
        _joined("yes" if one.serious else "no", *map(words, one.seriousness)),
        _joined(words(one.outcome), *challenges),
        "; ".join(one.other_suspects) + _concomitants(one),
    )


def _concomitants(one: Line) -> str:
    if not one.concomitants:
        return "" if one.other_suspects else NONE
    return f"{'; ' if one.other_suspects else ''}[{'; '.join(one.concomitants)}]"


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part) or NONE
