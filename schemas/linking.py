"""What ties reports of different senders to one case: the ids that they name, as hashes.

Two reports of different senders tell of one case where both name the same id, or one names the
other's own (ICH E2B C.1.8.1, C.1.9.1, C.1.10; `external_ids`). What is too short or has no digit
names nothing (`NONE`, `1`); so no report is merged on an id that is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from schemas.envelope import Ids

SHORTEST, LONGEST = 6, 100


def is_id(text: str) -> bool:
    """Whether a text can tell one case from all others.

    >>> is_id("US-ACME-2025001"), is_id("NONE"), is_id("12")
    (True, False, False)
    """
    return SHORTEST <= len(text) <= LONGEST and any(character.isdigit() for character in text)


def ids_of(sender: str, report_id: str, body: Mapping[str, Any]) -> Ids:
    """The ids of a report: `body` is its canonical JSON, decoded.

    >>> one = ids_of("clinic-a", "US-A-2025001", {})
    >>> other = ids_of("maker", "M-7", {"external_ids": ["us-a-2025001 ", "unknown"]})
    >>> other.named == (one.own,), one.nameable, other.nameable
    (True, True, False)
    """
    named = [_plain(one) for one in body.get("external_ids") or ()]
    own = _plain(report_id)
    return Ids(
        _hash(sender),
        _hash(own),
        is_id(own),
        tuple(dict.fromkeys(_hash(one) for one in named if is_id(one) and one != own)),
    )


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(errors="replace"), digest_size=7).digest())
