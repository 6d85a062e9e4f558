"""What of an AdverseEvent names people. None of it is read: this only says where it stood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_REFERRING = ("subject", "recorder", "participant", "contributor")
_SAYS_WHO = ("display", "identifier")
_AUTHOR = ("authorString", "authorReference")
_PERSON = ("name", "identifier", "telecom", "address", "birthDate", "photo", "contact")
_OF_PEOPLE = dict.fromkeys(("Patient", "Practitioner", "RelatedPerson", "Person"), _PERSON) | {
    "Device": ("serialNumber", "identifier", "owner")
}


def people_in(event: Mapping[str, Any]) -> set[str]:
    """The elements of an event, and of what it contains, that name somebody or somebody's device.

    >>> people_in({"subject": {"display": "Jane Roe"}, "code": {"text": "Nausea"}})
    {'AdverseEvent.subject.display'}
    """
    return {f"AdverseEvent.{path}" if path[0].islower() else path for path in _found(event)}


def _found(event: Mapping[str, Any]) -> Iterator[str]:
    for field in _REFERRING:
        for one in _dicts(event.get(field)):
            actor = one.get("actor")
            reference = actor if isinstance(actor, dict) else one
            yield from (f"{field}.{name}" for name in _SAYS_WHO if reference.get(name))
    for note in _dicts(event.get("note")):
        yield from (f"note.{name}" for name in _AUTHOR if note.get(name))
    for one in _dicts(event.get("contained")):
        kind = one.get("resourceType")
        if isinstance(kind, str):
            yield from (f"{kind}.{name}" for name in _OF_PEOPLE.get(kind, ()) if one.get(name))


def _dicts(value: Any) -> list[dict[str, Any]]:
    found = value if isinstance(value, list) else [value]
    return [one for one in found if isinstance(one, dict)]
