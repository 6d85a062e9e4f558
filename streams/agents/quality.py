"""What the quality suite and the vocabulary found out about a batch, as rows of the store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert

from detectors import drift
from schemas.envelope import Change, Entry, encode
from schemas.errors import Fault
from schemas.quality import QualityResult
from schemas.record import Stream
from streams.agents.items import Item
from streams.store import tables
from streams.store.writing import upsert

SUITE_ERROR = "suite_error"  # the rule of a record that no rule could judge


def count_unmatched(connection: Connection, coded: Iterable[Change]) -> None:
    """Count the names of accepted versions that the vocabulary does not know."""
    names: Counter[tuple[str, str]] = Counter()
    for one in coded:
        names.update(("product", p.name) for p in one.products if not p.matched)
        names.update(("event", e.name) for e in one.events if not e.matched)
    upsert(
        connection,
        tables.unmatched,
        [{"kind": kind, "name": name, "n": n} for (kind, name), n in sorted(names.items())],
        add="n",
    )


def count_coding(connection: Connection, accepted: Iterable[tuple[str, Change]]) -> None:
    """Count by sender and month what accepted versions of reports name: see `detectors.drift`."""
    found: Counter[tuple[str, str, str]] = Counter()
    for sender, coded in accepted:
        # the day that the version states; every report has an event
        month = date.fromordinal(coded.events[0].day).strftime("%Y-%m")
        found.update((sender, month, what) for what in drift.named(coded))
    upsert(
        connection,
        tables.coding,
        [
            {"sender": sender, "month": month, "what": what, "n": n}
            for (sender, month, what), n in sorted(found.items())
        ],
        add="n",
    )


def held_row(
    number: int, entry: Entry, stage: str, rule: str | None, faults: Iterable[Fault]
) -> dict[str, Any]:
    """The row of `quarantine` of a record that is held back at a stage, with every fault."""
    told = [[fault.code, fault.path, fault.message] for fault in faults]
    # what the gateway found in order goes through again as it was checked, not as bytes
    checked = msgspec.structs.replace(entry, sealed=b"", wrapped_key=b"", sealed_hash=b"")
    return {
        "id": number,
        "stage": stage,
        "code": told[0][0],
        "rule": rule,
        "report_id": entry.record_id,
        "faults": json.dumps(told).encode(),
        "held_at": entry.taken_at,
        "entry": None if stage in ("gateway", "erasure") else encode(checked),
    }


def write_quality(
    connection: Connection, stream: Stream, result: QualityResult, *, at: float
) -> None:
    """Keep what the batch rules flagged, and count the batch by its result."""
    failed = [finding for finding in result.batch if not finding.passed]
    if failed:
        connection.execute(
            insert(tables.quality),
            [
                {
                    "at": at,
                    "stream": stream,
                    "sender": finding.sender,
                    "rule": finding.rule,
                    "records": finding.records,
                    "observed": finding.observed,
                    "limit": finding.limit,
                    "passed": False,
                }
                for finding in failed
            ],
        )
    verdict = "error" if result.suite_errors else "flagged" if failed else "passed"
    upsert(connection, tables.quality_batches, [{"result": verdict, "n": 1}], add="n")


def count_judged(
    connection: Connection,
    stream: Stream,
    items: Iterable[Item],
    result: QualityResult,
    *,
    at: float,
) -> None:
    """Count what the suite judged, and what failed which rule, by sender and day.

    A record or a batch of a sender that failed several rules counts once for each of them.
    """
    counts: Counter[tuple[str, str, str]] = Counter()  # sender, unit, rule
    batches: set[tuple[str, str]] = set()
    for item in items:
        if item.judged is not None:
            sender, rules = item.entry.sender, {"", *item.judged}
            counts.update((sender, "records", rule) for rule in rules)
            batches.update((sender, rule) for rule in rules)
    counts.update((sender, "batches", rule) for sender, rule in batches)
    for finding in result.batch:
        counts[finding.sender, "verdicts", ""] += finding.rule == result.batch[0].rule
        counts[finding.sender, "verdicts", finding.rule] += not finding.passed
    day = datetime.fromtimestamp(at, UTC).date().isoformat()
    upsert(
        connection,
        tables.quality_days,
        # in one order, so that two workers do not wait for each other
        [
            {"day": day, "stream": stream, "sender": sender, "unit": unit, "rule": rule, "n": n}
            for (sender, unit, rule), n in sorted(counts.items())
            if n
        ],
        add="n",
    )
