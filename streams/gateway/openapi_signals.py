"""The part of the OpenAPI document on signals and their reports, which people read."""

from __future__ import annotations

from typing import Any

_FORMS = {
    "html": "text/html",
    "pdf": "application/pdf",
    "json": "application/json",
    "csv": "text/csv",
}
_WHY = {
    "400": "A parameter that makes no sense.",
    "401": "Nobody is signed in.",
    "404": "There is no such signal, or there was none at that moment.",
    "429": "Too many requests; `Retry-After` says when to ask again.",
    "500": "An error of this server.",
}


def paths() -> dict[str, Any]:
    """The paths under `/v1/signals`."""
    signal = {"$ref": "#/components/schemas/Signal"}
    parts = [
        _query(
            "after", "integer", "the last number of the part before", **_upto(10**18 - 1), default=0
        ),
        _query("limit", "integer", "at most so many", **_upto(500), default=500),
    ]
    moment = [
        _query("format", "string", "html, pdf, json or csv", enum=list(_FORMS), default="html"),
        {
            "name": "as_of",
            "in": "query",
            "description": "a position, POSITION.ENTRY of the audit trail, or a date (its last "
            "position); now without it",
            "schema": {
                "type": "string",
                "anyOf": [{"pattern": r"^[0-9]{1,18}(\.[0-9]{1,18})?$"}, {"format": "date"}],
            },
        },
    ]
    listed = {
        "type": "object",
        "required": ["signals", "next"],
        "properties": {
            "signals": {"type": "array", "items": signal},
            "next": {"type": ["integer", "null"]},
        },
    }
    report = {form: {"schema": {"type": "string"}} for form in _FORMS.values()}
    return {
        "/v1/signals": _get(
            "signals", "Signals by number", {"application/json": {"schema": listed}}, parts
        ),
        "/v1/signals/{number}": _get(
            "signal", "One signal", {"application/json": {"schema": signal}}, [_NUMBER]
        ),
        "/v1/signals/{number}/report": _get("report", "Its report", report, [_NUMBER, *moment]),
    }


def schema() -> dict[str, Any]:
    """A signal; that of one alone has its score, history and reports as well."""
    text, number = {"type": "string"}, {"type": "integer"}
    held = {
        "id": number,
        "kind": {"enum": ["screening", "case_review", "confirmed"]},
        "dataset": {"enum": ["spontaneous", "solicited", "cohort"]},
        "product": text,
        "event": text,
        "state": text,
        "priority": {"enum": ["high", "normal"]},
        "raised_position": number,
        "raised_at": text,
        "changed_at": text,
        "rules": {"type": "array", "items": {"type": "object"}},
    }
    return {"type": "object", "required": list(held), "properties": held}


_NUMBER = {
    "name": "number",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 0},
}


def _upto(most: int) -> dict[str, int]:
    return {"minimum": 0, "maximum": most}


def _query(name: str, kind: str, description: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "description": description,
        "schema": {"type": kind, **more},
    }


def _get(name: str, summary: str, content: dict[str, Any], parameters: list[Any]) -> dict[str, Any]:
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Refused"}}}
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "security": [{"session": []}],
            "parameters": parameters,
            "responses": {
                "200": {"description": "As it is.", "content": content},
                **{
                    status: {"description": why, "content": refused} for status, why in _WHY.items()
                },
            },
        }
    }
