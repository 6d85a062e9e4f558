"""The narrative of a record, from its bytes as they were received."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from schemas.formats import openfda
from schemas.formats.icsr.r2 import values_of
from schemas.formats.icsr.values import given
from schemas.formats.received import kind_of, received


def narrative_of(raw: bytes, sender: str) -> str | None:
    """What was told in words, or None where nothing was.

    `raw`: what a reader or a push handed on for one record, in whatever format; a table's row has
    it under `narrative`.

    >>> narrative_of(b'{"report_id": "A-1", "narrative": "She slept."}', "clinic-a")
    'She slept.'
    """
    if kind := kind_of(raw):
        report = received(raw, kind, sender)[0].report
        return report.narrative if report else None
    try:
        found: Any = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    if openfda.KEY in found:
        return given(values_of(found, Counter()), "H.1")
    told = found.get("narrative")
    return told if isinstance(told, str) else None
