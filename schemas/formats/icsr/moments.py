"""Moments of HL7 (TS) and of a report."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

from schemas import times

_TS = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(\.\d+)?)?)?)?)?)?(?:([+-])(\d{1,4}))?",
    re.ASCII,
)
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d)(?::(\d\d)(?::(\d\d)(\.\d{1,6})?)?)?(?:Z|([+-]\d\d):(\d\d))", re.ASCII
)


@lru_cache(maxsize=65536)
def from_ts(text: str) -> tuple[str | None, bool]:
    """A moment as a report states it, or None where it is none; and whether a time was left out
    because it names no zone.

    >>> from_ts("202507"), from_ts("20250703101500-0500"), from_ts("202507031015")
    (('2025-07', False), ('2025-07-03T10:15:00-05:00', False), ('2025-07-03', True))
    """
    match = _TS.fullmatch(text)
    if match is None:
        return None, False
    year, month, day, hour, minute, second, fraction, sign, offset = match.groups()
    found = "-".join(part for part in (year, month, day) if part)
    naive = hour is not None and sign is None
    if hour is not None and sign is not None:
        clock = ":".join(part for part in (hour, minute, second) if part) + (fraction or "")
        found += f"T{clock}{_offset(sign, offset, minute)}"
    try:
        times.start(found)
    except ValueError:
        return None, False
    return found, naive


def _offset(sign: str, digits: str, minute: str | None) -> str:
    hours, minutes = (digits, "00") if len(digits) <= 2 else (digits[:-2], digits[-2:])
    offset = f"{sign}{int(hours):02d}:{minutes}"
    # Z after a bare hour would be too short for a moment of ours
    return "Z" if offset in ("+00:00", "-00:00") and minute else offset


def to_ts(moment: str) -> str:
    """The same moment in TS.

    >>> to_ts("2025-07"), to_ts("2025-07-03T10:15:00Z"), to_ts("2025-07-03T10:15:00.5+02:00")
    ('202507', '20250703101500+0000', '20250703101500.5+0200')
    """
    if len(moment) <= 10:
        return moment.replace("-", "")
    match = _ISO.fullmatch(moment)
    if match is None:
        # another spelling that ISO 8601 allows
        moment = datetime.fromisoformat(moment).isoformat()
        match = _ISO.fullmatch(moment)
    if match is None:
        # an offset with seconds, which TS cannot have
        moment = f"{times.start(moment):%Y-%m-%dT%H:%M:%S.%fZ}"
        match = _ISO.fullmatch(moment)
    assert match
    day, hour, minute, second, fraction, hours, minutes = match.groups()
    clock = hour + (minute or "") + (second or "") + (fraction or "")
    return f"{day.replace('-', '')}{clock}{hours or '+00'}{minutes or '00'}"
