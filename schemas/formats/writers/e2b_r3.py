"""`e2b_r3`: one batch of ICH E2B(R3) reports.

Every field of a report stands in its data element, or in one of ours where ICH has none
(`icsr.filling`), so that reading the file gives the same reports. What a receiver could object to
(an element that ICH requires and the report does not hold, such as a MedDRA code) is counted in
`left_out` by its data element. XML cannot hold control characters: they are replaced, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schemas.formats.icsr import writing
from schemas.formats.icsr.checks import batch_faults, faults
from schemas.formats.icsr.filling import values_of
from schemas.formats.icsr.moments import to_ts
from schemas.formats.writers.target import Target
from schemas.report import Report

_NAME = "e2b_r3"


def write(target: Target, reports: Iterable[Report]) -> None:
    """Write the reports as one batch."""
    with target.opened() as file:
        for part in batch(target, reports):
            file.write(part)


def batch(target: Target, reports: Iterable[Report]) -> Iterator[bytes]:
    """The bytes of a batch, report by report."""
    exchange = target.exchange
    values = {
        "N.1.1": "1",
        "N.1.2": exchange.number,
        "N.1.3": exchange.sender,
        "N.1.4": exchange.receiver,
        "N.1.5": to_ts(exchange.created),
    }
    for fault in batch_faults(values):
        target.left_out[f"{fault.path}: {fault.code}"] += 1
    yield writing.head(_NAME, values, target.left_out).encode()
    for report in reports:
        stated = values_of(report, exchange)
        for fault in faults(stated):
            target.left_out[f"{fault.path.partition('[')[0]}: {fault.code}"] += 1
        yield writing.message(_NAME, stated, target.left_out).encode() + b"\n"
        target.written += 1
    yield writing.tail(_NAME, values, target.left_out).encode()
