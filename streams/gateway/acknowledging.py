"""A batch of E2B(R3) answered in its own kind, for who asks for XML."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from schemas.errors import Fault
from schemas.formats import e2b_r3
from schemas.formats.acknowledgement import Told, acknowledge
from streams.gateway.bodies import Body
from streams.gateway.taking import Judged

_LONGEST = 100


def asked_for(request: Request, body: Body) -> bool:
    """Whether the answer is to be an acknowledgement: to a batch of E2B(R3), if XML is accepted."""
    accepted = request.headers.get("accept", "").lower()
    batch = body.found is not None and e2b_r3.ROOT.encode() in body.content[:4096]
    return batch and "application/xml" in accepted


def answer(body: Body, judged: Sequence[Judged], told: Response, taken_at: float) -> Response:
    """The acknowledgement with the status of the answer in JSON, and where its receipt is."""
    receipt_id = msgspec.json.decode(bytes(told.body))["receipt_id"]
    created = f"{datetime.fromtimestamp(taken_at, UTC):%Y-%m-%dT%H:%M:%SZ}"
    number = receipt_id or f"validated {created}"
    if len(number) > _LONGEST:
        number = hashlib.sha256(number.encode()).hexdigest()
    content = acknowledge(
        body.content,
        [
            Told(raw, tuple(Fault(*fault) for fault in one.entry.faults))
            for raw, one in zip(body.records, judged, strict=True)
        ],
        number=number,
        created=created,
    )
    headers = {"cache-control": "no-store"}
    if receipt_id:
        headers["location"] = f"/v1/receipts/{receipt_id}"
    return Response(content, told.status_code, headers, "application/xml")
