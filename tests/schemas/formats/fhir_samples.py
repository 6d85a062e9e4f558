"""AdverseEvent resources of R4 and R5, made to order."""

from __future__ import annotations

import json
from typing import Any

MEDDRA = "http://terminology.hl7.org/CodeSystem/mdr"


def concept(text: str | None = None, code: str | None = None, system: str | None = None) -> Any:
    """A CodeableConcept."""
    found: dict[str, Any] = {"text": text} if text else {}
    if code:
        found["coding"] = [{"system": system, "code": code} if system else {"code": code}]
    return found


def r4(identifier: Any = "US-CLINIC-1", **changes: Any) -> dict[str, Any]:
    """A R4 event of a drug that stands in the resource itself."""
    return {
        "resourceType": "AdverseEvent",
        "id": "e1",
        "identifier": {"value": identifier} if isinstance(identifier, str) else identifier,
        "actuality": "actual",
        "event": concept("Dissociation"),
        "subject": {"reference": "Patient/p7"},
        "date": "2025-07-01T10:15:00+02:00",
        "recordedDate": "2025-07-03",
        "outcome": concept(code="resolved"),
        "contained": [
            {"resourceType": "Medication", "id": "m1", "code": concept("Spravato 84 mg")}
        ],
        "suspectEntity": [{"instance": {"reference": "#m1"}}],
    } | changes


def r5(identifier: Any = "US-CLINIC-1", **changes: Any) -> dict[str, Any]:
    """The same as R5."""
    return {
        "resourceType": "AdverseEvent",
        "id": "e1",
        "identifier": [{"value": identifier}] if isinstance(identifier, str) else identifier,
        "status": "completed",
        "actuality": "actual",
        "code": concept("Dissociation"),
        "subject": {"reference": "Patient/p7"},
        "occurrenceDateTime": "2025-07-01T10:15:00+02:00",
        "recordedDate": "2025-07-03",
        "outcome": [concept(code="resolved")],
        "suspectEntity": [{"instanceCodeableConcept": concept("Spravato 84 mg")}],
    } | changes


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    """A Bundle of resources."""
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": resource} for resource in resources],
    }


def lines(*resources: dict[str, Any]) -> str:
    """Resources as bulk data."""
    return "".join(json.dumps(resource) + "\n" for resource in resources)
