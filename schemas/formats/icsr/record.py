"""From the values of an ICSR to a `SourceRecord`, its faults under the numbers of data elements."""

from __future__ import annotations

import re

from schemas.errors import Fault, RecordError
from schemas.formats.icsr import Values
from schemas.formats.icsr.content import content_of
from schemas.formats.icsr.values import given
from schemas.formats.source import Source, SourceRecord
from schemas.record import report_of
from schemas.report import Report

_PATH = re.compile(r"(?:(products|reactions|biomarkers|external_ids)(?:\[(\d+)\])?)?\.?([a-z_]*).*")
_ELEMENTS = {
    "": "G.k",
    "sender": "N.2.r.2",
    "report_id": "C.1.1",
    "received_at": "C.1.5",
    "first_received_at": "C.1.4",
    "created_at": "C.1.2",
    "status": "C.1.11.1",
    "report_type": "C.1.3",
    "reporter": "C.2.r.4",
    "country": "C.2.r.3",
    "narrative": "H.1",
    "version": "K.3",
    "external_ids.": "C.1.9.1.r.2",
    "products.": "G.k",
    "products.name": "G.k.2.2",
    "products.role": "G.k.1",
    "products.started_at": "G.k.4.r.4",
    "products.stopped_at": "G.k.4.r.5",
    "products.dose_mg": "G.k.4.r.1a",
    "reactions.": "E.i",
    "reactions.term": "E.i.1.1a",
    "reactions.onset_at": "E.i.4",
    "biomarkers.": "F.r",
    "biomarkers.name": "F.r.2.1",
    "biomarkers.value": "F.r.3.2",
    "biomarkers.at": "F.r.1",
}


def element_of(path: str) -> str:
    """The data element that a field of a report comes from, with the place of its repeat from 1.

    >>> element_of("products[0].name"), element_of("received_at"), element_of("patient.sex")
    ('G.k.2.2[1]', 'C.1.5', 'patient.sex')
    """
    if path == "patient.pseudonym":
        return "D.1.1.4"
    match = _PATH.fullmatch(path)
    if match is None:
        return path
    group, place, field = match.groups()
    found = _ELEMENTS.get(f"{group}.{field}" if group else field)
    if found is None or (not group and field and field != path):
        return path
    return f"{found}[{int(place) + 1}]" if place else found


def record(source: Source, values: Values, raw: bytes, where: str) -> SourceRecord:
    """A record of what a reader made of its values: its report, or what is wrong with it."""
    content, faults = content_of(values, source.sender, source.unknown)
    sender = source.given or content["sender"]
    report: Report | None = None
    try:
        report = report_of(content)
    except RecordError as error:
        faults += [_fault(fault) for fault in error.faults]
    if faults:
        known = (given(values, "C.1.1") or "")[:100] or None
        return SourceRecord(raw, None, tuple(faults), where, sender, record_id=known)
    return SourceRecord(raw, report, (), where, sender, element_of=element_of)


def _fault(fault: Fault) -> Fault:
    element = "E.i" if fault.code == "no_reaction" else element_of(fault.path)
    return Fault(fault.code, element, fault.message)
