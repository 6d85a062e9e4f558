"""What a signature of a person is over, and its hash.

A signature belongs to one act on a signal. It is bound to it by SHA-256 over the UTF-8 bytes of the
JSON object that `content` gives, its keys sorted, without spaces. Name and time of the signature
are those of the act and of its entry in the audit trail, which is chained to all entries before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, select

from streams.store import tables

# 11.50(a)(3): the meaning, such as review, approval, responsibility or authorship
MEANINGS: Final[dict[str, str]] = {
    "reviewed": "I have reviewed it",
    "approved": "I approve it",
    "responsible": "I answer for it",
    "authored": "I wrote it",
}
_IDENTITY = ("id", "dataset", "product", "event", "kind", "raised_position")
_SIGNED = ("revision", "position", "who", "what", "from_state", "to_state", "note")


def content(connection: Connection, act: Mapping[str, Any], signature: Mapping[str, Any]) -> Any:
    """What a signature is over: the signal, what was done with it, and the rules that held.

    `act`: a row of `acts` with `detail` as an object; `signature`: as it stands in `detail`.
    """
    table = tables.signals
    row = connection.execute(select(table).where(table.c.id == act["signal_id"])).first()
    identity = {} if row is None else {name: row._mapping[name] for name in _IDENTITY}
    said = {name: act[name] for name in _SIGNED}
    detail = {name: value for name, value in act["detail"].items() if name != "signature"}
    own = {name: signature.get(name) for name in ("meaning", "role", "rules")}
    return {"signal": identity, **said, "detail": detail, **own}


def rules(connection: Connection, number: int) -> list[list[Any]]:
    """The rules of a signal: name, whether it holds, position and count at which it first held."""
    table = tables.signal_rules
    rows = connection.execute(
        select(table.c.rule, table.c.holds, table.c.first_position, table.c.first_n)
        .where(table.c.signal_id == number)
        .order_by(table.c.rule)
    )
    return [list(row) for row in rows]


def digest(signed: Any) -> str:
    """SHA-256 of a content, hex.

    >>> digest({"b": "ä", "a": 1})[:16]
    'f5300ffcfd6fd3fc'
    """
    text = json.dumps(signed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
