"""`fhir`: AdverseEvent resources of FHIR R4 and R5: single, a list, a Bundle, or one a line (bulk).

An AdverseEvent holds one event; those of one identifier are one report, wherever they stand in the
file. The case is the first identifier, else the logical id; FHIR numbers no versions of a case, so
the latest `meta.lastUpdated`, else `recordedDate`, orders them. What becomes of each field says
`fhir_content`.

What an event refers to (medications, the patient, conditions) is looked for within it, in the file,
and for bulk data in the files beside it that are named after their type (`Medication.ndjson`). What
was read for a record is its events and, of what they refer to, the fields that are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from schemas.errors import Fault, RecordError
from schemas.formats import fhir_content
from schemas.formats.documents import by_line, decoded, documents
from schemas.formats.source import Source, SourceRecord
from schemas.record import report_of

KEY = "resourceType"
AT_ONCE = 20_000
Documents = Callable[[], Iterable[tuple[int, bytes]]]

_BESIDE = ("MedicationAdministration", "MedicationStatement", "MedicationUsage", "Immunization")
_LAST = ("Medication", "Substance", "Patient", "Condition", "Observation")
_OF_PATIENT = frozenset({"resourceType", "id", "gender", "birthDate"})
_OF_OTHERS = frozenset(
    "resourceType id code medicationCodeableConcept medicationReference medication vaccineCode "
    "dosage effectivePeriod effectiveDateTime occurrencePeriod occurrenceDateTime".split()
)
_REFERENCE = re.compile(rb'"reference"\s*:\s*"([^"\\]{1,300})"')
_encode = msgspec.json.Encoder().encode
_ELEMENTS = {
    "": "AdverseEvent.suspectEntity",
    "report_id": "AdverseEvent.identifier",
    "received_at": "AdverseEvent.recordedDate",
    "first_received_at": "AdverseEvent.recordedDate",
    "patient.pseudonym": "AdverseEvent.subject",
    "narrative": "AdverseEvent.note",
    "external_ids": "AdverseEvent.identifier",
}
_PATH = re.compile(r"(products|reactions)(?:\[(\d+)\])?.*")


class _Entry(msgspec.Struct):
    resource: msgspec.Raw
    fullUrl: str | None = None  # noqa: N815


class _Bundle(msgspec.Struct, tag_field=KEY, tag="Bundle"):
    entry: list[_Entry]


def element_of(path: str) -> str:
    """The element that a field of a report comes from.

    >>> element_of("received_at"), element_of("products[0].name")
    ('AdverseEvent.recordedDate', 'AdverseEvent.suspectEntity[0]')
    """
    if match := _PATH.fullmatch(path):
        name = "suspectEntity" if match[1] == "products" else "code"
        return f"AdverseEvent.{name}[{match[2]}]" if match[2] else f"AdverseEvent.{name}"
    return _ELEMENTS.get(path.partition("[")[0], path)


@dataclass(slots=True)
class _Events:
    """The events of one case, with the place of the first."""

    place: int
    raws: list[bytes] = field(default_factory=list)


def records(source: Source) -> Iterator[SourceRecord]:
    """The records of the file, in the order of the first event of each."""
    beside = []
    if by_line(source.path) and source.path.name.startswith("AdverseEvent"):
        for name in (*_BESIDE, *_LAST):
            beside += sorted(source.path.parent.glob(f"{name}*.ndjson*"))
    yield from records_of(source, lambda: documents(source.path), beside)


def records_of(
    source: Source, found: Documents, beside: Sequence[Path] = ()
) -> Iterator[SourceRecord]:
    """The records of documents, which are read more than once, and of the files beside them."""
    keys: dict[str, int] = {}
    needed: set[str] = set()
    for place, raw, resource in _resources(found()):
        if isinstance(resource, dict) and resource.get(KEY) == "AdverseEvent":
            keys.setdefault(_key(place, resource), len(keys))
            needed.update(_references(raw))
    index: dict[str, dict[str, Any]] = {}
    # twice: an administration refers to a medication, which may come before it
    for again in (found(), found(), *(documents(path) for path in beside)):
        _add_to(index, again, needed)
    for start in range(0, max(1, len(keys)), AT_ONCE):
        cases: dict[str, _Events] = {}
        for place, raw, resource in _resources(found()):
            where = source.where(place)
            if not isinstance(resource, dict):
                if start == 0:
                    yield SourceRecord(raw, None, (_fault(resource),), where, source.sender)
            elif resource.get(KEY) == "AdverseEvent":
                key = _key(place, resource)
                if start <= keys[key] < start + AT_ONCE:
                    cases.setdefault(key, _Events(place)).raws.append(raw)
            elif start == 0 and resource.get(KEY) not in (*_BESIDE, *_LAST):
                source.unknown[f"{str(resource.get(KEY))[:40]}: not read"] += 1
        for key, events in cases.items():
            yield _record(source, key, events, index)


def _resources(found: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes, object]]:
    """Place, bytes and content of each resource, those in bundles too; or a `Fault`."""
    for place, raw in found:
        try:
            bundle = msgspec.json.decode(raw, type=_Bundle)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            yield place, raw, decoded(raw)
            continue
        for number, entry in enumerate(bundle.entry, 1):
            resource = decoded(bytes(entry.resource))
            if isinstance(resource, dict) and entry.fullUrl:
                resource["fullUrl"] = entry.fullUrl
            yield number, bytes(entry.resource), resource


def _fault(found: object) -> Fault:
    return found if isinstance(found, Fault) else Fault("wrong_type", "", "no FHIR resource")


def _key(place: int, event: dict[str, Any]) -> str:
    """What is one of all events of a case."""
    named = fhir_content.identifiers(event)
    return named[0] if named else str(event.get("id") or f"#{place}")


def _references(raw: bytes) -> Iterator[str]:
    for match in _REFERENCE.finditer(raw):
        yield _target(match[1].decode(errors="replace"))


def _target(reference: str) -> str:
    """A reference without server and version: `Type/id`; those to URNs and contained ones stay."""
    if reference.startswith(("urn:", "#")):
        return reference
    parts = reference.partition("/_history/")[0].split("/")
    return "/".join(parts[-2:])


def _add_to(
    index: dict[str, dict[str, Any]], found: Iterable[tuple[int, bytes]], needed: set[str]
) -> None:
    """Add what is referred to, by `Type/id` and by URL, and note what that refers to."""
    for _, raw, resource in _resources(found):
        if not isinstance(resource, dict) or resource.get(KEY) not in (*_BESIDE, *_LAST):
            continue
        names = {f"{resource[KEY]}/{resource.get('id')}", str(resource.get("fullUrl"))}
        if wanted := names & needed:
            allowed = _OF_PATIENT if resource[KEY] == "Patient" else _OF_OTHERS
            kept = {k: v for k, v in resource.items() if k in allowed}
            index.update(dict.fromkeys(wanted, kept))
            needed.update(_references(raw))


def _record(
    source: Source, key: str, events: _Events, index: dict[str, dict[str, Any]]
) -> SourceRecord:
    found: list[dict[str, Any]] = [msgspec.json.decode(raw) for raw in events.raws]
    contained = {
        f"#{one.get('id')}": one
        for event in found
        for one in event.get("contained") or ()
        if isinstance(one, dict)
    }
    used: dict[str, dict[str, Any]] = {}

    def resolve(reference: str) -> dict[str, Any] | None:
        target = _target(reference)
        if target in contained:
            return contained[target]
        if target in index:
            used[target] = index[target]
        return index.get(target)

    where = source.where(events.place)
    content, faults = fhir_content.content_of(found, key, source.sender, resolve, source.unknown)
    raw = _raw(events.raws, list(used.values()))
    report = None
    try:
        report = report_of(content)
    except RecordError as error:
        faults += [Fault(f.code, _element(f), f.message) for f in error.faults]
    if faults:
        return SourceRecord(raw, None, tuple(faults), where, source.sender, record_id=key[:100])
    return SourceRecord(raw, report, (), where, source.sender, element_of=element_of)


def _element(fault: Fault) -> str:
    return "AdverseEvent.code" if fault.code == "no_reaction" else element_of(fault.path)


def _raw(events: Sequence[bytes], others: Sequence[dict[str, Any]]) -> bytes:
    """The event as it stands, or a Bundle of several and of what they refer to."""
    if len(events) == 1 and not others:
        return events[0]
    resources = [*(msgspec.Raw(raw) for raw in events), *others]
    entries = [{"resource": resource} for resource in resources]
    return _encode({"resourceType": "Bundle", "type": "collection", "entry": entries})
