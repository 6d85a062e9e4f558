"""The sections on how it was looked for, and on how to check what was found."""

from __future__ import annotations

import json

from dashboards.reports.document import (
    Facts,
    Items,
    Section,
    Table,
    Text,
    Worked,
    column,
    count,
    event_name,
    numbers,
    table,
)
from dashboards.reports.model import Report

# What the published items ask, and where it stands; in our own words.
_READUS = (
    ("1 title", "design, kind of data, drug and event named", "cover"),
    (
        "2 background",
        "drug, event, what is known",
        "labels in 2; the rest is the assessor's",
    ),
    ("3 aims", "drug, event, reference, hypothesis fixed beforehand", "3.1"),
    ("4 design", "outline, primary and sensitivity analyses", "3.1, 5, 6"),
    ("5 data", "database, coverage, dictionaries, dates, cleaning", "3.2, 3.3"),
    ("6 population", "restrictions, drugs, events", "3.4"),
    ("7 analysis", "measures, thresholds, statistics, case review", "2, 3.5, 5"),
    ("8 flow", "from extraction to analysis; cases beside the reference", "4, 10"),
    ("9 results", "estimates with limits, primary and sensitivity", "5, 6, 7"),
    ("10 cases", "key variables of the case series", "8, 10, annex"),
    ("11 key results", "expected and emerging", "1, labels in section 2"),
    ("12 limits", "meaning, generalisability, other designs", "12"),
    ("13 conclusion", "without overstatement", "1"),
    (
        "14 declarations",
        "funding, interests, data and code",
        "program and hash on the cover; the rest is the assessor's",
    ),
)
_GVP = (
    ("previous awareness", "2 (labels)"),
    ("number of cases after removal of repeats; supportive cases", "4, 10.1"),
    ("time to onset and its pattern", "8"),
    ("cases against exposure", "9 (cohort); of reports exposure is not known"),
    ("disproportionality, where it applies", "5, 6"),
    ("seriousness, outcome, vulnerable groups, use patterns", "6, 10"),
    ("data quality", "11"),
    ("decisions, with dates, names and reasons", "13"),
    ("method and periodicity of detection", "3.5, 3.6, 7"),
)


def sections(report: Report) -> tuple[Section, ...]:
    """Methods, and the flow of reports."""
    return (
        Section("Methods", ()),
        Section("Aim and design", _aims(report), 2),
        Section(
            "Data, to which lock point",
            (
                Items(report.methods.source),
                Facts(
                    (
                        ("Position", str(report.origin.position)),
                        ("Changes by then", count(report.origin.changes)),
                        ("Dates of receipt", _dates(report)),
                        ("Vocabulary (SHA-256)", report.methods.vocabulary),
                    )
                ),
                Items(report.methods.datasets),
            ),
            2,
        ),
        Section("Cleaning", (Items(report.methods.cleaning),), 2),
        Section("Population and filters", (Items(report.methods.filters),), 2),
        Section(
            "Comparators, statistics and their parameters",
            (
                Items(report.methods.comparators),
                table(
                    "Statistics as computed",
                    (column("Statistic"), column("Columns", 2.5), column("Parameters", 3.5)),
                    (
                        (one.name, ", ".join(one.columns), _parameters(one.parameters))
                        for one in report.methods.statistics
                    ),
                ),
            ),
            2,
        ),
        Section("Number of looks", _looks(report), 2),
        Section("From received to analysed", (_flow(report),)),
    )


def checking(report: Report) -> Section:
    """How every number can be checked, and which published items stand where."""
    origin = report.origin
    command = f"ketavigil report {report.subject.number} --as-of {origin.position} --format json"
    return Section(
        "How to check this report",
        (
            Text(
                "Every number stands in the JSON of this report with all its digits. The same "
                "program on the same store makes the same bytes again, and says of a given file "
                "which numbers differ:"
            ),
            Worked("", (command, f"ketavigil report --check {report.id}.json")),
            Facts(
                (
                    ("Configuration of this report", origin.configuration),
                    ("At the newest checkpoint", origin.configuration_then or "no checkpoint"),
                    ("SHA-256 of content", report.sha256),
                )
            ),
            table(
                "Items that READUS-PV asks of a disproportionality analysis, and where they stand",
                (column("Item", 1.2), column("Asks for", 3), column("Section", 2)),
                _READUS,
            ),
            table(
                "Content that GVP Module IX looks at in validation and assessment",
                (column("Content", 3), column("Section", 2)),
                _GVP,
            ),
        ),
    )


def _aims(report: Report) -> tuple[Text, ...]:
    of = report.subject
    fixed = report.sequential
    hypothesis = (
        "The pair belongs to "
        + "; ".join(f"the family {one.family}, fixed on {one.fixed_on}" for one in fixed)
        + "."
        if fixed
        else "The pair belongs to no family that was fixed beforehand: it was found by screening."
    )
    return (
        Text(
            f"Whether {event_name(of.event)} is reported with {of.product} more often than with "
            "other products, in which patients and in what way, and whether the cohort agrees. "
            f"Reference: all other cases of the same dataset. {hypothesis}"
        ),
        Text(
            "Primary analysis: the 2x2 table of the pair with its statistics (section 5). "
            "Sensitivity: other comparators, strata, without the commonest event, without masking "
            "products (section 6). Then evidence over time, time to onset, cohort, and the case "
            "series."
        ),
    )


def _dates(report: Report) -> str:
    given = report.methods
    if not given.oldest_receipt:
        return "no case"
    return f"{given.oldest_receipt} to {given.newest_receipt}, dataset {report.pairs[0].dataset}"


def _looks(report: Report) -> tuple[Text, ...]:
    origin = report.origin
    of_families = "; ".join(
        f"family {one.family}: {count(one.looks)} closed looks" for one in report.sequential
    )
    cohort = report.cohort
    return (
        Text(
            f"Screening rules were looked at after each of {count(origin.changes)} changes, and "
            f"for every watched pair at {count(origin.checkpoints)} checkpoints. Sequential "
            "evidence takes one look a day: "
            + (of_families or "the pair is in no family of the reports")
            + (f"; the cohort: {count(cohort.looks)} looks." if cohort else ".")
        ),
    )


def _flow(report: Report) -> Table:
    q, pair = report.quality, report.pairs[0]
    rows = (
        ("Records received by then", q.received, ""),
        ("sent again, or held in quarantine", -q.not_counted, "not counted"),
        ("Versions accepted", q.accepted, ""),
        ("older versions", -q.superseded, "superseded by a newer one"),
        ("Cases", q.cases, ""),
        ("nullified", -q.nullified, "void by their senders"),
        ("linked", -q.linked, "another sender's report of the same case counts"),
        ("Cases that count", q.active, ""),
        (f"in dataset {pair.dataset}", q.in_dataset, "N"),
        ("with the product, in a role that counts", q.with_product, "a + b"),
        ("with the event", q.with_event, "a + c"),
        ("with both", q.with_pair, "a"),
    )
    return table(
        "Reports from reception to analysis",
        (column("Step", 3), numbers("Number"), column("Remark", 2)),
        ((name, count(n).replace("-", "−"), remark) for name, n, remark in rows),
        "Received = accepted + not counted; accepted = cases + superseded; cases = counting + "
        "nullified + linked.",
    )


def _parameters(given: dict[str, object]) -> str:
    return ", ".join(f"{name} {json.dumps(value)}" for name, value in given.items()) or "none"
