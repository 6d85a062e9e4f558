"""A periodic report as a document."""

from __future__ import annotations

from dashboards.reports.document import (
    Block,
    Document,
    Facts,
    Items,
    Section,
    Table,
    Text,
    Worked,
    column,
    count,
    event_name,
    limits,
    numbers,
    share,
    table,
    words,
)
from dashboards.reports.periodic_model import Periodic, Reaction, Tracked
from dashboards.reports.signal_document import KINDS, when

MOST = 200  # events of a product on the pages
_STATUS = ("new", "ongoing", "closed")


def document(report: Periodic) -> Document:
    """The document of a periodic report; nothing in it that the report does not hold."""
    origin = report.origin
    return Document(
        title=report.title,
        subtitle="New, ongoing and closed signals of the interval, and reports of every watched "
        "product with every event",
        id=report.id,
        at=origin.data_lock_point,
        running=f"{report.title}, position {origin.position}",
        cover=Facts(
            (
                ("Interval", f"{report.first_day} to {report.last_day}, both included (UTC)"),
                ("Data lock point", f"{when(origin.data_lock_point)}, position {origin.position}"),
                ("Position before the interval", _start(report)),
                ("Trail", f"entry {origin.sequence} of the signals' history"),
                ("Program", f"{origin.program} {origin.program_version}"),
                ("Configuration", origin.configuration),
                ("Document", report.id),
                ("SHA-256 of content", report.sha256),
            )
        ),
        sections=(
            Section("1. Summary", _summary(report)),
            Section("2. Limitations", (Items(report.limitations),)),
            Section("3. How to check this report", _checking(report)),
            Section(
                "4. Overview of signals: new, ongoing, closed",
                (_tracking(report.signals),)
                if report.signals
                else (Text("There is no signal in the interval."),),
                wide=True,
            ),
            Section("5. Evaluation of signals: key data", (_key_data(report),), wide=True)
            if report.signals
            else Section("5. Evaluation of signals: key data", (Text("There is none."),)),
            Section("6. Reactions of watched products", tuple(_monitoring(report)), wide=True),
        ),
    )


def _start(report: Periodic) -> str:
    return (
        "none: nothing had been counted"
        if report.start_position is None
        else str(report.start_position)
    )


def _summary(report: Periodic) -> tuple[Block, ...]:
    by_status = {status: sum(one.status == status for one in report.signals) for status in _STATUS}
    gained = [one for one in report.reactions if one.disproportionate and not one.before]
    return (
        Facts(
            (
                *((f"Signals {status}", count(n)) for status, n in by_status.items()),
                ("Cases that count, at the end", count(report.cases)),
                ("Cases that counted before", count(report.cases_before)),
                ("Of all, erased by now: counted, of no known age", count(report.erased)),
                ("Pairs in the table of reactions", count(len(report.reactions))),
                ("Of these, disproportionate at the end", count(_many(report))),
                ("Of these, not so before the interval", count(len(gained))),
            )
        ),
        Text(f"Products on the watch: {', '.join(report.products)}."),
        Text(
            "A signal is a reason to look. It does not show that the product caused the event.",
            True,
        ),
    )


def _many(report: Periodic) -> int:
    return sum(one.disproportionate for one in report.reactions)


def _checking(report: Periodic) -> tuple[Block, ...]:
    command = f"ketavigil report --from {report.first_day} --to {report.last_day} --format json"
    return (
        Text("The same program on the same store makes the same bytes again:"),
        Worked("", (command, f"ketavigil report --check {report.id}.json")),
    )


def _tracking(signals: tuple[Tracked, ...]) -> Table:
    return table(
        "Tabular summary of safety signals, by status",
        (
            column("Signal", 2),
            column("Detected", 1.1),
            column("Status", 0.9),
            column("Closed", 0.9),
            column("Source", 1.3),
            column("Reason and key data", 2.2),
            column("Method of evaluation", 1.6),
            column("Action taken or planned", 1.6),
        ),
        (
            (
                f"{one.product} with {event_name(one.event)} (signal {one.number})",
                one.detected[:10],
                f"{one.status}, {words(one.state)}",
                one.closed[:10],
                one.dataset + (" reports" if one.dataset != "cohort" else ": patient courses"),
                f"{'; '.join(map(words, one.reasons))}; {count(one.n)} cases, "
                f"{count(one.n_new)} new",
                KINDS.get(one.kind, one.kind),
                one.action or "none on record",
            )
            for status in _STATUS
            for one in signals
            if one.status == status
        ),
    )


def _key_data(report: Periodic) -> Table:
    return table(
        "Cases of each signal's pair at the end of the interval, and the ROR",
        (
            column("Signal", 3),
            column("Status", 0.8),
            column("Priority", 0.8),
            numbers("cases", 0.7),
            numbers("new", 0.7),
            numbers("ROR (95 %)", 2),
        ),
        (
            (
                f"{one.number}: {one.product} with {event_name(one.event)}, {one.dataset}",
                one.status,
                one.priority,
                count(one.n),
                count(one.n_new),
                limits(one.ror, one.ror_lower, one.ror_upper),
            )
            for one in report.signals
        ),
        "Of a signal of the cohort, the spontaneous reports of the same pair.",
    )


def _monitoring(report: Periodic) -> list[Block]:
    if not report.reactions:
        return [Text("No spontaneous report names a watched product.")]
    products = sorted({one.product for one in report.reactions})
    return [_reactions(name, report.reactions) for name in products]


def _reactions(product: str, reactions: tuple[Reaction, ...]) -> Table:
    own = sorted(
        (one for one in reactions if one.product == product),
        key=lambda one: (-one.n_new, -one.n, one.event),
    )
    left = len(own) - MOST
    return table(
        f"{product}: {share(own[0].n_product, own[0].n_total)} of the spontaneous reports; "
        "new in the interval / in all",
        (
            column("Event", 2.2),
            column("Reviewed from the first case", 1),
            column("Listed", 0.7),
            numbers("cases", 0.9),
            numbers("fatal", 0.9),
            numbers("serious", 0.9),
            numbers("under 18", 0.9),
            numbers("65 and over", 0.9),
            numbers("ROR (95 %)", 1.9),
            column("Disproportionate", 1.2),
        ),
        (
            (
                one.event,
                "yes" if one.designated else "no",
                "yes" if one.listed else "no",
                f"{count(one.n_new)} / {count(one.n)}",
                f"{count(one.fatal_new)} / {count(one.fatal)}",
                f"{count(one.serious_new)} / {count(one.serious)}",
                f"{count(one.children_new)} / {count(one.children)}",
                f"{count(one.old_new)} / {count(one.old)}",
                limits(one.ror, one.ror_lower, one.ror_upper),
                _changed(one),
            )
            for one in own[:MOST]
        ),
        f"{count(left)} more events, with fewer new cases, stand in JSON and CSV."
        if left > 0
        else "",
    )


def _changed(one: Reaction) -> str:
    if one.disproportionate:
        return "yes" if one.before else "yes, newly so"
    return "no longer" if one.before else "no"
