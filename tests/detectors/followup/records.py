"""Records of one course, as short as a worked example needs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from detectors.followup import Stream
from detectors.followup.finding import Finding
from detectors.followup.record import Observed, observed
from schemas.followup import FOLLOWUP


def record(kind: str, at: str, record_id: str | None = None, **values: Any) -> Observed:
    """A record of a kind; its id is the moment unless given, `product` and `route` are coded."""
    whole = {
        "registry": "r",
        "record_id": record_id or at,
        "patient": "p",
        "course": "c",
        "at": at,
        "kind": kind,
        **values,
    }
    return observed(
        FOLLOWUP.validate_python(whole),
        product=values.get("product", ""),
        route=values.get("route") or "",
    )


def findings(stream: Stream, records: Sequence[Observed], parameters: Any = None) -> list[Finding]:
    """What a stream alone says of records, in the order in which it says it."""
    state: Any = stream.start
    out: list[Finding] = []
    for one in sorted(records, key=lambda one: one.order):
        if one.record.kind in stream.kinds:
            state, found = stream.step(state, one, parameters or stream.parameters)
            out += found
    return out
