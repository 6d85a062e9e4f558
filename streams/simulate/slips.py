"""Records as senders get them wrong, each with the code that it must be refused by."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from random import Random
from typing import Any

CODES = (
    "naive_datetime",
    "future_date",
    "too_small",
    "another_sender",
    "malformed_json",
    "no_reaction",
    "direct_identifier",
    "not_permitted",
)


def draw(rng: Random, report: dict[str, Any], now: datetime) -> tuple[str, bytes]:
    """A report with one slip in it, and the slip's code.

    >>> from datetime import UTC
    >>> report = {"sender": "a", "report_id": "1", "products": [{"name": "x"}]}
    >>> code, raw = draw(Random(0), report, datetime(2025, 7, 3, tzinfo=UTC))
    >>> code in CODES
    True
    """
    code = rng.choice(CODES)
    return code, make(code, report, now)


def make(code: str, report: dict[str, Any], now: datetime) -> bytes:
    """A report with the slip of a code."""
    wrong = dict(report)
    if code == "naive_datetime":
        wrong["received_at"] = now.replace(tzinfo=None).isoformat(timespec="seconds")
    elif code == "future_date":
        wrong["received_at"] = (now + timedelta(days=40)).date().isoformat()
    elif code == "too_small":
        wrong["products"] = [report["products"][0] | {"dose_mg": -56}, *report["products"][1:]]
    elif code == "another_sender":
        wrong["sender"] = "somebody-else"
    elif code == "no_reaction":
        wrong["reactions"] = []
    elif code == "direct_identifier":
        wrong["patient"] = {"name": "not shown"}
    elif code == "not_permitted":
        wrong["status"] = "maybe"
    raw = json.dumps(wrong, separators=(",", ":")).encode()
    return raw[:-20] if code == "malformed_json" else raw
