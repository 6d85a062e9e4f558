"""The HTTP contract as an OpenAPI document, its schemas taken from the models."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import version
from typing import Any

from pydantic.json_schema import models_json_schema

from schemas.followup import FOLLOWUP
from schemas.record import MAX_BYTES
from schemas.report import Report
from streams.gateway import openapi_signals
from streams.gateway.limits import Limits
from streams.gateway.receipts import DISPOSITIONS
from streams.gateway.refusals import STATUS

_REF = "#/components/schemas/{model}"
_WHY = {
    400: "The body holds no record or broke off, or a parameter is unknown.",
    401: "No key, or one that is unknown, revoked or expired.",
    403: "The key has another role.",
    404: "There is no such receipt of this sender.",
    408: "The body took too long to arrive.",
    413: "The body is too large, or holds too many records.",
    415: "A content type, charset or encoding that is not read.",
    429: "Too many requests; `Retry-After` says when to send again.",
    500: "An error of the gateway; send again.",
    503: "Not confirmed as durable; send again, repeats are harmless.",
}
# what no schema can say of a record, by the code of its fault
RULES = {
    "another_sender": "the key is another sender's",
    "direct_identifier": "a pseudonym that is an e-mail address, a telephone number or a date",
    "future_date": "a moment after the time at which it was sent",
    "not_a_date": "a day that the calendar does not have",
    "no_product": "nothing was given, and it is not nullified",
    "no_reaction": "nothing happened, and it is not nullified",
    "nul_byte": "a text holds U+0000",
}


@lru_cache(maxsize=4)
def document(limits: Limits) -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ketavigil",
            "version": version("ketavigil"),
            "description": (
                "Adverse-event reports and follow-up records are pushed here. A record that was "
                "taken is durable; the same record again changes nothing. A body may have "
                f"{limits.max_bytes} bytes and {limits.max_records} records, a record {MAX_BYTES} "
                "bytes. Each refusal says that nothing of the request was stored."
            ),
        },
        "security": [{"key": []}],
        "paths": {
            "/v1/reports": {"post": _push("Report", "Push reports")},
            "/v1/followups": {"post": _push("Followup", "Push follow-up records")},
            "/v1/receipts/{receipt_id}": {"get": _receipt()},
            **openapi_signals.paths(),
            "/v1/openapi.json": {"get": _public("openapi", "This document")},
            "/healthz": {"get": _public("healthz", "The process runs")},
            "/readyz": {"get": _public("readyz", "Log and store can be used", not_ready=True)},
        },
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "ketavigil_session"},
            },
            "schemas": _schemas(),
        },
    }


def _push(model: str, summary: str) -> dict[str, Any]:
    one = _schema(model)
    exchanged = {
        "application/xml": "a batch of ICH E2B(R3), or a message of E2B(R2)",
        "application/fhir+json": "AdverseEvent of FHIR R4 or R5: one, a Bundle, or one a line",
    }
    answers = {
        "202": _answer(
            "Taken: every record is durable, rejected ones too. A batch of E2B(R3) is answered "
            "with its acknowledgement where `application/xml` is accepted.",
            "Taken",
        ),
        "422": _answer(
            "No record was accepted; all are kept in quarantine with their errors. "
            "A body that cannot be parsed is one such record.",
            "Taken",
        ),
    }
    for answer in answers.values():
        if model == "Report":
            answer["content"]["application/xml"] = {"schema": {"type": "string"}}
        answer["links"] = {
            "receipt": {
                "operationId": "receipt",
                "parameters": {"receipt_id": "$response.body#/receipt_id"},
            }
        }
    return {
        "operationId": "reports" if model == "Report" else "followups",
        "summary": summary,
        "parameters": [
            {
                "name": "validate",
                "in": "query",
                "description": "answer the same, and store nothing; the receipt_id is then null",
                "schema": {"type": "boolean", "default": False},
            }
        ],
        "requestBody": {
            "required": True,
            "description": "UTF-8; `Content-Encoding: gzip` is read.",
            "content": {
                "application/json": {
                    "schema": {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}
                },
                "application/x-ndjson": {
                    "schema": {"type": "string", "description": "one record a line"}
                },
                **{
                    form: {"schema": {"type": "string", "description": what}}
                    for form, what in exchanged.items()
                    if model == "Report"
                },
            },
        },
        "responses": answers | _refusals(without={404}),
    }


def _receipt() -> dict[str, Any]:
    return {
        "operationId": "receipt",
        "summary": "What became of each record of a request",
        "parameters": [
            {
                "name": "receipt_id",
                "in": "path",
                "required": True,
                "schema": {"type": "string"},
            }
        ],
        "responses": {"200": _answer("As it is now.", "Receipt")}
        | _refusals(without={400, 408, 413, 415}),
    }


def _public(name: str, summary: str, not_ready: bool = False) -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    responses = {"200": {"description": "So it is.", "content": content}}
    if not_ready:
        responses["503"] = {"description": "Not now.", "content": content}
    return {"operationId": name, "summary": summary, "security": [], "responses": responses}


def _refusals(without: set[int]) -> dict[str, Any]:
    statuses = sorted(set(STATUS.values()) - without - {405})
    found = {str(status): _answer(_WHY[status], "Refusal") for status in statuses}
    later = {"description": "seconds after which to send again", "schema": {"type": "integer"}}
    for status in {429, 503} & set(statuses):
        found[str(status)]["headers"] = {"Retry-After": {"required": True} | later}
    if 401 in statuses:
        challenge = {"required": True, "schema": {"const": "Bearer"}}
        found["401"]["headers"] = {"WWW-Authenticate": challenge}
    return found


def _answer(description: str, schema: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": _schema(schema)}},
    }


def _schema(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(model=name)}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _taken(**properties: Any) -> dict[str, Any]:
    record = _object(**properties, status={"enum": ["accepted", "duplicate", "rejected"]})
    record["properties"]["masked"] = {
        "type": "array",
        "description": "elements of a message that name a person and were left out, where any did",
        "items": _schema("Fault"),
    }
    return record


def _schemas() -> dict[str, Any]:
    text = {"type": "string"}
    index = {"type": "integer", "description": "the record's place in the request, from 0"}
    named = {"type": ["string", "null"], "description": "the id that the record gives itself"}
    errors = {"type": "array", "items": _schema("Fault")}
    followup = FOLLOWUP.json_schema(ref_template=_REF)
    models: dict[str, Any] = models_json_schema([(Report, "validation")], ref_template=_REF)[1]
    own = {
        "Followup": followup,
        "Fault": {
            "description": (
                "What is wrong, by a code that stays the same. A record that fits its schema can "
                f"still be refused: {', '.join(f'`{code}` ({why})' for code, why in RULES.items())}"
            ),
            **_object(code=text, path=text, message=text),
        },
        "Refusal": _object(code={"enum": sorted(STATUS)}, message=text),
        "Refused": _object(code=text, message=text),
        "Signal": openapi_signals.schema(),
        "Taken": _object(
            receipt_id={"type": ["string", "null"]},
            records={"type": "array", "items": _taken(index=index, id=named, errors=errors)},
        ),
        "Receipt": _object(
            receipt_id=text,
            stream={"enum": ["reports", "followups"]},
            summary=_object(
                received={"type": "integer"},
                **{name: {"type": "integer"} for name in DISPOSITIONS},
            ),
            records={
                "type": "array",
                "items": _object(
                    index=index,
                    id=named,
                    disposition={"enum": list(DISPOSITIONS)},
                    errors=errors,
                ),
            },
        ),
    }
    found: dict[str, Any] = models["$defs"] | followup.pop("$defs") | own
    return found
