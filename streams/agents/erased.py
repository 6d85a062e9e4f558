"""Records of patients who had theirs erased: none is taken any more, and none is kept."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from schemas.errors import Fault
from schemas.record import Stream
from streams.agents.items import Item
from streams.store import erased_names
from streams.store.enclosed import raw
from streams.store.erased_names import Name

CODE = "erased_patient"
_FAULT = Fault(CODE, "", "the patient, or this case, was erased on request; nothing was kept of it")


def refuse_erased(connection: Connection, stream: Stream, items: Sequence[Item]) -> bool:
    """Hold what names an erased patient or case; its key is lost at once, only that it came stays.

    Within the transaction that disposes of it, so that an erasure and a record that comes at the
    same time cannot miss each other. Whether there was any.
    """
    if not items or not erased_names.any_erased(connection):
        return False
    named = {id(item): _names(connection, stream, item) for item in items}
    found = erased_names.erased_among(connection, {n for names in named.values() for n in names})
    for item in items:
        by = [found[name] for name in named[id(item)] if name in found]
        if by and not item.erased:
            item.stage, item.rule, item.faults, item.erased_by = "erasure", None, (_FAULT,), by[0]
    return bool(found)


def _names(connection: Connection, stream: Stream, item: Item) -> list[Name]:
    """What a record is named by: its case, and the patient where that can be read."""
    entry, sender, names = item.entry, item.entry.sender, list[Name]()
    if entry.record_id is not None:
        names.append(erased_names.case(stream, sender, entry.record_id))
    body: object = item.body
    if entry.faults:
        body = as_json(raw(connection, entry.sealed, entry.wrapped_key) or b"")
    if (pseudonym := pseudonym_in(stream, body)) is not None:
        names.append(erased_names.patient(sender, pseudonym))
    return names


def as_json(sent: bytes) -> object:
    """What was sent, where it is JSON."""
    try:
        return msgspec.json.decode(sent)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def pseudonym_in(stream: Stream, body: object) -> str | None:
    """The pseudonym in a record as it was checked, or in what was sent as one.

    >>> pseudonym_in("reports", {"patient": {"pseudonym": "p-1"}}), pseudonym_in("followups", [])
    ('p-1', None)
    """
    found = body.get("patient") if isinstance(body, dict) else None
    if stream == "reports":
        found = found.get("pseudonym") if isinstance(found, dict) else None
    return found if isinstance(found, str) and found else None
