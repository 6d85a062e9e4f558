"""A signal report as a document: which sections it has, in which order."""

from __future__ import annotations

from dashboards.reports import (
    signal_cases,
    signal_courses,
    signal_evidence,
    signal_figures,
    signal_methods,
)
from dashboards.reports.document import (
    Block,
    Document,
    Facts,
    Items,
    Section,
    Text,
    column,
    count,
    e_value,
    event_name,
    limits,
    numbers,
    shown,
    table,
    words,
)
from dashboards.reports.model import Move, Report

KINDS = {
    "screening": "screening",
    "case_review": "case review",
    "confirmed": "confirmed by sequential evidence",
}
EVERY = "all products"
NO_TERMS = "none known to the vocabulary"


def document(report: Report) -> Document:
    """The document of a report; nothing in it that the report does not hold."""
    of = report.subject
    sections = (
        Section("Summary", _summary(report)),
        Section("The signal", _signal(report)),
        *signal_methods.sections(report),
        *signal_figures.sections(report),
        *signal_evidence.sections(report),
        *signal_cases.sections(report),
        Section("Limitations", (Items(report.limitations),)),
        Section("State and history of the assessment", _history(report)),
        signal_methods.checking(report),
        signal_cases.listing(report),
        *signal_courses.listing(report),
    )
    return Document(
        title=f"Signal report: {of.product} with {event_name(of.event)}",
        subtitle="A disproportionality analysis of individual case safety reports, with case "
        "series, sequential evidence and cohort evidence",
        id=report.id,
        at=report.origin.data_lock_point,
        running=f"{of.product} with {event_name(of.event)}, signal {of.number}, "
        f"position {report.origin.position}",
        cover=_cover(report),
        sections=_numbered(sections),
    )


def when(text: str) -> str:
    """A time of the report for people.

    >>> when("2026-07-03T12:00:00Z")
    '2026-07-03 12:00:00 UTC'
    """
    return text.replace("T", " ").replace("Z", " UTC")


def _numbered(sections: tuple[Section, ...]) -> tuple[Section, ...]:
    """Sections with their numbers; those on turned pages are annexes."""
    out, main, sub = [], 0, 0
    for one in sections:
        if one.wide:
            title = f"Annex. {one.title}"
        elif one.level == 1:
            main, sub = main + 1, 0
            title = f"{main}. {one.title}"
        else:
            sub += 1
            title = f"{main}.{sub} {one.title}"
        out.append(Section(title, one.blocks, one.level, one.wide))
    return tuple(out)


def _cover(report: Report) -> Facts:
    of, origin = report.subject, report.origin
    return Facts(
        (
            ("Product", of.product),
            ("Event", event_name(of.event)),
            ("Signal", f"{of.number}, {KINDS.get(of.kind, of.kind)}, dataset {of.dataset}"),
            ("State", f"{words(of.state)}, priority {of.priority}"),
            ("Data lock point", f"{when(origin.data_lock_point)}, position {origin.position}"),
            (
                "Trail",
                f"entry {origin.sequence} of the signals' history",
            ),
            ("Program", f"{origin.program} {origin.program_version}"),
            ("Configuration", origin.configuration),
            ("Document", report.id),
            ("SHA-256 of content", report.sha256),
        )
    )


def _summary(report: Report) -> tuple[Block, ...]:
    of, f = report.subject, report.features
    own = report.pairs[0]
    by_name = {one.name: one for one in own.statistics}
    prr, ic = by_name["prr"], by_name["ic"]
    items = [
        f"{count(own.cells.a)} cases in the {own.dataset} reports name {of.product} with "
        f"{event_name(of.event)}; {shown(by_name['expected'].value)} would be expected if the two "
        f"were independent. PRR {limits(prr.value, prr.lower, prr.upper)}, "
        f"IC {limits(ic.value, ic.lower, ic.upper)}, 95 % limits.",
        f"Of these cases {count(f.serious)} are serious, {count(f.fatal)} fatal; "
        f"{count(f.professional)} come from health professionals, "
        f"{count(f.positive_dechallenge)} have a positive dechallenge, "
        f"{count(f.positive_rechallenge)} a positive rechallenge.",
        _ruled(report),
        *(_evidence(report)),
        *(_cohort(report)),
    ]
    listed = [label for label in of.labels if label.lists]
    if listed:
        names = "; ".join(label.title for label in listed)
        items.append(f"The event is listed in the deployment's table of labels: {names}.")
    else:
        items.append("No label in the deployment's table lists the event for the product.")
    return (
        Items(tuple(items)),
        Text(
            "This raises or refines a hypothesis. It does not show that the product caused the "
            "event, and no incidence follows from it.",
            True,
        ),
    )


def _ruled(report: Report) -> str:
    hold = [rule for rule in report.rules if rule.holds]
    if not hold:
        return "No rule holds of the pair at the data lock point."
    return "Rules that hold: " + "; ".join(rule.title for rule in hold) + "."


def _evidence(report: Report) -> list[str]:
    out = []
    for one in report.sequential:
        found = one.confirmation
        text = f"Sequential evidence (family {one.family}, {count(one.looks)} looks): "
        if found is None:
            text += (
                f"not confirmed; largest e-value {e_value(one.log_e_sup)}, where "
                f"{e_value(one.asked_alone)} is asked of a pair alone."
            )
        else:
            text += f"confirmed at the look of {found.day}, e-value {e_value(found.log_e)}"
            text += (
                "; suspended, since on corrected data it is not reached."
                if found.suspended
                else "."
            )
        out.append(text)
    return out


def _cohort(report: Report) -> list[str]:
    held = report.cohort
    whole = [] if held is None else [r for r in held.rates if not r.axis and r.product != EVERY]
    if held is None or not whole:
        return ["The patient courses of the cohort have no rate of this event for the product."]
    one = whole[0]
    return [
        f"In the cohort {count(one.n)} first events in {shown(one.patient_years)} patient-years: "
        f"{limits(one.rate, one.rate_lower, one.rate_upper)} per 100 patient-years."
    ]


def _signal(report: Report) -> tuple[Block, ...]:
    of = report.subject
    blocks: list[Block] = [
        Facts(
            (
                ("Raised by this system", f"{when(of.raised_at)}, position {of.raised_position}"),
                ("Terms", ", ".join(of.terms) or NO_TERMS),
                (
                    "Other signals of the pair",
                    "; ".join(
                        f"{o.number} ({KINDS[o.kind]}, {o.dataset}, {when(o.raised_at)})"
                        for o in of.others
                    )
                    or "none",
                ),
            )
        ),
        signal_figures.rules(report),
    ]
    if of.labels:
        blocks.append(
            table(
                "Previous awareness: labels of the product in the table of this deployment",
                (column("Label", 3), column("Date"), column("Routes", 1.5), column("Lists", 2)),
                (
                    (
                        f"{label.title} ({label.source})",
                        label.date or "not given",
                        ", ".join(label.routes) or "all",
                        ", ".join(label.lists) or "not the event",
                    )
                    for label in of.labels
                ),
            )
        )
    return tuple(blocks)


def _done(move: Move) -> str:
    """What was done, and the state it led to where that is another one."""
    changed = move.before != move.after
    return words(move.what) + (f": {words(move.before)} to {words(move.after)}" if changed else "")


def _why(move: Move) -> str:
    """The note, and who signed it, when, with which meaning (21 CFR 11.50)."""
    if not move.signature:
        return move.note
    return (
        f"{move.note} – Signed by {move.who}, {when(move.at)}, meaning: {move.signature}; "
        f"SHA-256 of what was signed {move.signature_sha256}"
    )


def _history(report: Report) -> tuple[Block, ...]:
    moves: Block = (
        Text("Nobody has assessed this signal: no move, note or signature is on record.")
        if not report.moves
        else table(
            "What people did",
            (
                numbers("Entry", 0.7),
                column("When", 1.5),
                column("Who"),
                column("What", 1.6),
                column("Why", 3),
            ),
            ((str(m.entry), when(m.at), m.who, _done(m), _why(m)) for m in report.moves),
        )
    )
    said = table(
        "What the system said, oldest first",
        (
            numbers("Entry", 0.7),
            column("When", 2),
            numbers("Position", 0.9),
            column("What", 2),
            column("Rule", 2),
            numbers("Cases", 0.7),
        ),
        (
            (
                str(entry.number),
                when(entry.at),
                str(entry.position),
                words(entry.what),
                words(str(entry.detail.get("rule", ""))),
                str(entry.detail.get("n", "")),
            )
            for entry in report.history
        ),
    )
    return (Text(f"State: {words(report.subject.state)}."), moves, said)
