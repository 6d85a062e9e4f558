"""From the AdverseEvent resources of one case, R4 or R5, to the content of a report.

| of the report | R4 | R5 |
|---|---|---|
| reaction | event, date | code, occurrence |
| its outcome, seriousness | outcome, seriousness | the same |
| suspect product | suspectEntity.instance, resolved | the same, or its concept |
| concomitant product | none | a medication in supportingInfo |
| received_at, first_received_at | meta.lastUpdated, recordedDate | the same |
| nullified | none | all have the status entered-in-error |
| pseudonym | the id that subject refers to | the same |

The names of people, their numbers and notes about them stay out; of a Patient resource only sex
and date of birth are read, the latter for the age at onset. A recorder who is a patient or a
relative is a consumer; of others the profession is not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from schemas import times
from schemas.errors import Fault
from schemas.formats import codes
from schemas.formats.codes import Unknown
from schemas.formats.fhir_people import people_in
from schemas.identifiers import MASKED

Resource = Mapping[str, Any]
Resolve = Callable[[str], Resource | None]

MEDICATIONS = frozenset(
    "Medication MedicationAdministration MedicationStatement MedicationUsage Immunization "
    "Substance".split()
)
_MEDDRA = ("http://terminology.hl7.org/CodeSystem/mdr", "urn:oid:2.16.840.1.113883.6.163")
_OUTCOMES = {
    "resolved": "recovered",
    "recovering": "recovering",
    "ongoing": "not_recovered",
    "resolvedWithSequelae": "sequelae",
    "fatal": "fatal",
    "unknown": "unknown",
}
_SERIOUSNESS = {
    "SeriousResultsInDeath": "death",
    "SeriousIsLifeThreatening": "life_threatening",
    "SeriousResultsInHospitalization": "hospitalisation",
    "SeriousResultsInDisability": "disability",
    "SeriousIsBirthDefect": "congenital_anomaly",
    "SeriousRequiresPreventImpairment": "other_medically_important",
}
_NOT_SERIOUS = ("non-serious", "Non-serious")
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}|urn:(?:uuid|oid):[0-9A-Za-z.-]{1,64}")
_DOSES = {"mg": "MG", "g": "G", "ug": "UG", "kg": "KG"}
_ACTUAL = Fault(
    "not_permitted", "AdverseEvent.actuality", "a potential event is none that happened"
)


def content_of(
    events: Sequence[Resource], report_id: str, sender: str, resolve: Resolve, unknown: Unknown
) -> tuple[dict[str, Any], list[Fault]]:
    """The content of a report of all events of one case, and what of it is at fault already."""
    live = [event for event in events if event.get("status") != "entered-in-error"]
    faults = [_ACTUAL] if any(e.get("actuality") == "potential" for e in live) else []
    content: dict[str, Any] = {
        "sender": sender,
        "report_id": report_id,
        "status": "active" if live else "nullified",
    }
    updated = [_moment(_at(event, "meta", "lastUpdated")) for event in events]
    recorded = [_moment(event.get("recordedDate")) for event in events]
    for field, found, pick in (
        ("received_at", updated if any(updated) else recorded, max),
        ("first_received_at", recorded, min),
    ):
        if moments := [one for one in found if one]:
            content[field] = pick(moments, key=times.sort_key)
    if any(event.get("study") for event in live):
        content["report_type"] = "study"
    if any(_type_of(e.get("recorder")) in ("Patient", "RelatedPerson") for e in live):
        content["reporter"] = "consumer"
    if others := list(dict.fromkeys(o for event in events for o in identifiers(event)[1:])):
        content["external_ids"] = [o for o in others if o != report_id]
    content["reactions"] = [_reaction(event, resolve, unknown) for event in live]
    content["products"] = list(_products(live, resolve, unknown))
    if patient := _patient(live, content["reactions"], resolve, unknown):
        content["patient"] = patient
    people = {path for event in events for path in people_in(event)}
    unknown.update(f"{path}: {MASKED}" for path in people)
    notes = [n["text"] for event in live for n in _dicts(event.get("note")) if _text(n.get("text"))]
    if narrative := "\n".join(notes):
        content["narrative"] = narrative
    return content, faults


def identifiers(event: Resource) -> list[str]:
    """The business identifiers of a resource, in order."""
    return [found for one in _dicts(event.get("identifier")) if (found := _text(one.get("value")))]


def _dicts(value: Any) -> list[dict[str, Any]]:
    """What stands once in one version and repeats in another, as a list."""
    found = value if isinstance(value, list) else [value]
    return [one for one in found if isinstance(one, dict)]


def _text(value: Any) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None


def _at(resource: Any, *path: str) -> Any:
    for name in path:
        resource = resource.get(name) if isinstance(resource, dict) else None
    return resource


def _moment(value: Any) -> str | None:
    text = _text(value)
    if text is None:
        return None
    try:
        times.start(text)
    except ValueError:
        return None
    return text


def _optional_moment(field: str, value: Any, unknown: Unknown) -> str | None:
    found = _moment(value)
    if found is None and _text(value):
        unknown[f"{field}: no date"] += 1
    return found


def concept(value: Any) -> str | None:
    """A CodeableConcept as text: the name beside its MedDRA code, its text, any name, any code."""
    codings = _dicts(_at(value, "coding"))
    names = [_text(c.get("display")) for c in codings if c.get("system") in _MEDDRA]
    names += [_text(_at(value, "text")), *(_text(c.get("display")) for c in codings)]
    names += [_text(c.get("code")) for c in codings]
    return next((name for name in names if name), None)


def _codes(values: Any) -> Iterator[str]:
    for value in _dicts(values):
        for coding in _dicts(value.get("coding")):
            if code := _text(coding.get("code")):
                yield code


def _type_of(reference: Any) -> str | None:
    target = _text(_at(reference, "reference")) or ""
    return _text(_at(reference, "type")) or target.rpartition("/")[0].rpartition("/")[2] or None


def _resolved(reference: Any, resolve: Resolve) -> Resource | None:
    target = _text(_at(reference, "reference"))
    return resolve(target) if target else None


def _reaction(event: Resource, resolve: Resolve, unknown: Unknown) -> dict[str, Any]:
    term = concept(event.get("event") or event.get("code"))
    if term is None:
        for effect in _dicts(event.get("resultingCondition") or event.get("resultingEffect")):
            found = _resolved(effect, resolve)
            term = concept(_at(found, "code")) or _text(effect.get("display"))
            if term:
                break
    reaction: dict[str, Any] = {"term": term or ""}
    began = (
        event.get("date")
        or event.get("occurrenceDateTime")
        or _at(event, "occurrencePeriod", "start")
    )
    if onset := _optional_moment("date", began, unknown):
        reaction["onset_at"] = onset
    for code in _codes(event.get("outcome")):
        if outcome := _OUTCOMES.get(code):
            reaction["outcome"] = outcome
            break
        unknown[f"outcome: {code[:40]}"] += 1
    criteria = list(dict.fromkeys(_criteria(event, unknown)))
    if criteria:
        reaction["seriousness"] = criteria
    return reaction


def _criteria(event: Resource, unknown: Unknown) -> Iterator[str]:
    stated = [*_codes(event.get("seriousness"))]
    for extension in _dicts(event.get("extension")):
        if "serious" in (_text(extension.get("url")) or "").lower():
            stated += _codes(extension.get("valueCodeableConcept"))
    found = [_SERIOUSNESS[code] for code in stated if code in _SERIOUSNESS]
    for code in stated:
        if code.lower() == "serious" and found:
            continue
        if code not in _SERIOUSNESS and code not in _NOT_SERIOUS:
            unknown[f"seriousness: {code[:40]}"] += 1
    yield from found


def _products(
    events: Iterable[Resource], resolve: Resolve, unknown: Unknown
) -> Iterator[dict[str, Any]]:
    """Each product once, though every event of the case names it again."""
    seen: set[tuple[str, str]] = set()
    for event in events:
        given = [(one, "suspect") for one in _dicts(event.get("suspectEntity"))]
        given += [
            (one, "concomitant")
            for one in _dicts(event.get("supportingInfo"))
            if _type_of(one.get("itemReference")) in MEDICATIONS
        ]
        for one, role in given:
            product = _product(one, resolve, unknown) | {"role": role}
            if (product["name"], role) not in seen:
                seen.add((product["name"], role))
                yield product


def _product(entity: Resource, resolve: Resolve, unknown: Unknown) -> dict[str, Any]:
    reference = next(
        (entity[k] for k in ("instance", "instanceReference", "itemReference") if k in entity), None
    )
    named = concept(entity.get("instanceCodeableConcept"))
    found = _resolved(reference, resolve) or {}
    name = named or _medicine(found, resolve) or _text(_at(reference, "display"))
    if name is None:
        unknown["suspectEntity: a reference that leads nowhere"] += 1
    product: dict[str, Any] = {"name": name or ""}
    for dosage in _dicts(found.get("dosage")):
        if "route" not in product and (route := concept(dosage.get("route"))):
            product["route"] = route
        dose = dosage.get("dose")
        for rate in _dicts(dosage.get("doseAndRate")):
            dose = dose or rate.get("doseQuantity")
        if "dose_mg" not in product and isinstance(_at(dose, "value"), int | float):
            unit = _text(_at(dose, "code")) or _text(_at(dose, "unit")) or ""
            amount = codes.dose_mg(str(_at(dose, "value")), _DOSES.get(unit, unit), unknown)
            if amount is not None:
                product["dose_mg"] = amount
    period = next((p for k, p in found.items() if k.endswith("Period") and isinstance(p, dict)), {})
    one_time = next((v for k, v in found.items() if k.endswith("DateTime")), None)
    for field, value in (
        ("started_at", period.get("start") or one_time),
        ("stopped_at", period.get("end") or one_time),
    ):
        if moment := _optional_moment(field, value, unknown):
            product[field] = moment
    return product


def _medicine(resource: Resource, resolve: Resolve) -> str | None:
    """The name of a medication, or of the one that was given."""
    given = resource.get("medication")
    name = (
        concept(resource.get("code"))
        or concept(resource.get("medicationCodeableConcept"))
        or concept(resource.get("vaccineCode"))
        or concept(_at(given, "concept"))
    )
    if name:
        return name
    for reference in (resource.get("medicationReference"), _at(given, "reference")):
        found = _resolved(reference, resolve)
        if name := (concept(_at(found, "code")) or _text(_at(reference, "display"))):
            return name
    return None


def _patient(
    events: Sequence[Resource],
    reactions: Sequence[Mapping[str, Any]],
    resolve: Resolve,
    unknown: Unknown,
) -> dict[str, Any]:
    subject = next((event["subject"] for event in events if event.get("subject")), None)
    patient: dict[str, Any] = {}
    target = (_text(_at(subject, "reference")) or "").removeprefix("#").rpartition("/")[2]
    if _ID.fullmatch(target):
        patient["pseudonym"] = target
    elif target:  # a search by name or record number, say
        unknown[f"AdverseEvent.subject.reference: {MASKED}"] += 1
    found = _resolved(subject, resolve)
    gender = _text(_at(found, "gender"))
    if gender in ("male", "female", "other", "unknown"):
        patient["sex"] = gender
    onsets = [one["onset_at"] for one in reactions if len(one.get("onset_at", "")) >= 10]
    born = _text(_at(found, "birthDate"))
    if born and len(born) == 10 and onsets:
        age = codes.completed_years(born, min(onsets, key=times.sort_key))
        if age is not None:
            patient["age_years"] = age
    return patient
