"""The OpenAPI document says what the gateway does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx

from streams.gateway.limits import Limits
from streams.gateway.openapi import document
from streams.gateway.refusals import STATUS
from tests.streams.gateway.serving import Serving, dose, report


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(found := node.get("$ref"), str):
            yield found
        for value in node.values():
            yield from _references(value)
        yield from (node.get("discriminator") or {}).get("mapping", {}).values()
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def test_every_reference_leads_to_a_schema() -> None:
    found = document(Limits())
    references = set(_references(found))
    assert len(references) > 15
    for reference in references:
        assert reference.startswith("#/components/schemas/")
        assert reference.rsplit("/", 1)[1] in found["components"]["schemas"]


def test_it_is_served_to_anyone_and_names_every_route(gateway: Serving) -> None:
    found = httpx.get(f"{gateway.url}/v1/openapi.json").json()
    assert found["openapi"] == "3.1.0"
    assert set(found["paths"]) == {
        "/v1/reports",
        "/v1/followups",
        "/v1/receipts/{receipt_id}",
        "/v1/signals",
        "/v1/signals/{number}",
        "/v1/signals/{number}/report",
        "/v1/openapi.json",
        "/healthz",
        "/readyz",
    }


def test_fields_of_answers_are_those_of_the_document(gateway: Serving) -> None:
    schemas = document(Limits())["components"]["schemas"]
    with gateway.client() as client:
        taken = client.post("/v1/reports", json=[report(), 5]).json()
        receipt = client.get(f"/v1/receipts/{taken['receipt_id']}").json()
        refusal = client.post("/v1/reports", content=b"").json()
    assert set(taken) == set(schemas["Taken"]["required"])
    record = schemas["Taken"]["properties"]["records"]["items"]
    assert set(taken["records"][0]) == set(record["required"])
    assert set(taken["records"][1]["errors"][0]) == set(schemas["Fault"]["required"])
    assert set(receipt) == set(schemas["Receipt"]["required"])
    assert set(receipt["summary"]) == set(schemas["Receipt"]["properties"]["summary"]["required"])
    assert set(refusal) == set(schemas["Refusal"]["required"])
    assert refusal["code"] in schemas["Refusal"]["properties"]["code"]["enum"]


def test_fields_of_records_are_those_of_the_models() -> None:
    schemas = document(Limits())["components"]["schemas"]
    assert set(report()) <= set(schemas["Report"]["properties"])
    assert schemas["Report"]["required"] == ["sender", "report_id", "received_at"]
    kinds = schemas["Followup"]["discriminator"]["mapping"]
    assert set(dose()) <= set(schemas[kinds["dose"].rsplit("/", 1)[1]]["properties"])


def test_every_refusal_has_a_status_that_is_described() -> None:
    push = document(Limits())["paths"]["/v1/reports"]["post"]["responses"]
    receipt = document(Limits())["paths"]["/v1/receipts/{receipt_id}"]["get"]["responses"]
    described = {int(status) for status in (*push, *receipt)}
    assert set(STATUS.values()) - {405} <= described
