"""Signed heads of the audit trail: one a day, to be kept where the store's owner cannot reach.

A head says that the trail of a store had a certain hash at its entry `seq`. What is signed
(Ed25519) is the UTF-8 text of these lines, joined by a line feed:

    ketavigil trail head 1
    STORE                 the id of the store, from `meta`
    DAY                   the day it closes, UTC; of a head made on demand the day of making
    SEQ                   the newest entry by the end of that day; 0 before the first
    HASH                  of that entry, hex; zeros before the first
    SIGNED_AT             microseconds since 1970

Whoever owns the store and the key can make everything anew; a head that was taken elsewhere before
still names what was changed.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select

from schemas.errors import InputError, StoreError
from streams.signing import Signer, holds
from streams.store import tables, trail
from streams.store.store import Store
from streams.store.trail import SYSTEM, Actor

FORMAT = "ketavigil trail head 1"
KEY_MADE, KEY_CHANGED = "trail_key_made", "trail_key_changed"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Head:
    """A signed head; `key` (the public one) and `signature` as base64."""

    store: str
    day: str
    seq: int
    hash: str
    signed_at: int
    key: str
    signature: str

    @property
    def message(self) -> bytes:
        """What is signed.

        >>> Head("s", "2026-07-31", 7, "0f", 1, "", "").message
        b'ketavigil trail head 1\\ns\\n2026-07-31\\n7\\n0f\\n1'
        """
        lines = (FORMAT, self.store, self.day, self.seq, self.hash, self.signed_at)
        return "\n".join(map(str, lines)).encode("utf-8", "surrogatepass")

    @property
    def signed(self) -> bool:
        """Whether the signature is that of its key."""
        try:
            key, signature = (
                base64.b64decode(text, validate=True) for text in (self.key, self.signature)
            )
        except ValueError:
            return False
        return holds(key, self.message, signature)

    def to_json(self) -> str:
        """One line, which `read` reads."""
        return json.dumps({"format": FORMAT} | asdict(self))


def read(text: str) -> list[Head]:
    """Heads from JSON, one a line; `InputError` ("bad_head")."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
            if given.pop("format") != FORMAT:
                raise ValueError
            head = Head(**given)
            if type(head.seq) is not int or type(head.signed_at) is not int or head.seq < 0:
                raise ValueError
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise InputError("bad_head", f"line {number} is no head of a trail") from None
        found.append(head)
    if not found:
        raise InputError("bad_head", "there is no head of a trail in the file")
    return found


def stored(connection: Connection) -> list[Head]:
    """Every stored head, by day."""
    table = tables.trail_heads
    store = _store_id(connection)
    rows = connection.execute(select(table).order_by(table.c.day))
    return [_head(store, row) for row in rows]


def sign(connection: Connection, signer: Signer, day: date, seq: int, hashed: str) -> Head:
    """A head, signed now; nothing is stored."""
    at = time.time_ns() // 1000
    key = base64.b64encode(signer.public).decode()
    head = Head(_store_id(connection), day.isoformat(), seq, hashed, at, key, "")
    signature = base64.b64encode(signer.sign(head.message)).decode()
    return Head(**(asdict(head) | {"signature": signature}))


def sign_now(store: Store, signer: Signer, by: Actor = SYSTEM) -> Head:
    """A head of the trail as it stands now, to be taken elsewhere."""
    introduce(store, signer, by)
    with store.read() as connection:
        seq, hashed = trail.head(connection)
        return sign(connection, signer, datetime.now(UTC).date(), seq, hashed)


def introduce(store: Store, signer: Signer, by: Actor = SYSTEM) -> None:
    """Write into the trail with which key heads are signed, where that is another than before."""
    public = base64.b64encode(signer.public).decode()
    with store.read() as connection:
        if _keys(connection)[-1:] == [public]:
            return
    with store.write() as connection:
        trail.lock(connection)
        known = _keys(connection)
        if known[-1:] == [public]:
            return
        before = {"key": known[-1]} if known else None
        what = KEY_CHANGED if known else KEY_MADE
        trail.append(connection, by, what, "audit trail", before=before, after={"key": public})


def sign_due(store: Store, signer: Signer, today: date | None = None) -> list[Head]:
    """Sign a head for each day that is over and has none, from that of the first entry on.

    Raises `StoreError` ("trail_rewritten") where the newest head names another entry than the
    trail has: nothing is signed over that.
    """
    today = today or datetime.now(UTC).date()
    table = tables.trail_heads
    last = select(table).order_by(table.c.day.desc()).limit(1)
    with store.read() as connection:
        due = _first_due(connection, connection.execute(last).first())
    if due is None or due >= today:
        return []
    introduce(store, signer)
    with store.write() as connection:
        trail.lock(connection)
        newest = connection.execute(last).first()
        if newest is not None and (wrong := _against(connection, _head("", newest), 0)):
            raise StoreError("trail_rewritten", f"{wrong[0]}; `ketavigil verify` says more")
        day = _first_due(connection, newest)
        made = []
        while day is not None and day < today:
            seq, hashed = _by_the_end_of(connection, day, newest.seq if newest else 0)
            head = sign(connection, signer, day, seq, hashed)
            row = {name: value for name, value in asdict(head).items() if name != "store"}
            connection.execute(insert(table), [row])
            made.append(head)
            day += _DAY
    return made


def faults(connection: Connection, outside: Sequence[Head] = ()) -> Iterator[str]:
    """What is wrong with the heads, and with the trail by what they say; `outside`: kept elsewhere.

    An outside head is believed as it is, once its signature is its own key's.
    """
    store, known = _store_id(connection), set(_keys(connection))
    good = 0
    expected: date | None = None
    for head in stored(connection):
        name = f"head of {head.day}"
        day = _date(head.day)
        if expected is None:
            expected = _first_due(connection, None)
        while day is not None and expected is not None and expected < day:
            yield f"head of {expected} is missing"
            expected += _DAY
        expected = day + _DAY if day is not None else None
        if not head.signed:
            yield f"{name}: its signature does not hold"
            continue
        if head.key not in known:
            yield f"{name}: signed with a key that the trail does not name"
            continue
        wrong = _against(connection, head, good)
        yield from wrong
        good = good if wrong else head.seq
    for head in sorted(outside, key=lambda one: (one.seq, one.day)):
        name = f"head of {head.day} kept elsewhere"
        if not head.signed:
            yield f"{name}: its signature does not hold"
        elif head.store != store:
            yield f"{name}: it is of the store {head.store}, this is {store}"
        else:
            yield from (f"kept elsewhere: {wrong}" for wrong in _against(connection, head, 0))


def _against(connection: Connection, head: Head, good: int) -> list[str]:
    """What the trail lacks of a head; up to the entry `good` an earlier one agrees."""
    if head.seq == 0:
        return []
    table = tables.trail
    found = connection.scalar(select(table.c.hash).where(table.c.seq == head.seq))
    if found is not None and found.hex() == head.hash:
        return []
    newest = connection.scalar(select(func.max(table.c.seq))) or 0
    said = f"the head of {head.day} ends in entry {head.seq}"
    if found is None and newest < head.seq:
        first = newest + 1
        lost = f"entry {first}" if first == head.seq else f"entries {first} to {head.seq}"
        return [f"the trail is cut off: {said}, {lost} missing"]
    if found is None:
        return [f"entry {head.seq} is missing: {said}"]
    return [
        f"the trail was rewritten between the entries {good + 1} and {head.seq}: {said}, "
        f"hash {head.hash[:12]}, and the trail has {found.hex()[:12]}"
    ]


def _first_due(connection: Connection, newest: Any) -> date | None:
    if newest is not None:
        day = _date(newest.day)
        return None if day is None else day + _DAY
    at = connection.scalar(select(tables.trail.c.at).order_by(tables.trail.c.seq).limit(1))
    return None if not isinstance(at, int) else datetime.fromtimestamp(at / 1e6, UTC).date()


def _by_the_end_of(connection: Connection, day: date, least: int) -> tuple[int, str]:
    """The newest entry by the end of a day; never before `least`, should a clock have gone back."""
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + _DAY
    table = tables.trail
    row = connection.execute(
        select(table.c.seq, table.c.hash)
        .where((table.c.at < int(end.timestamp()) * 1_000_000) | (table.c.seq <= least))
        .order_by(table.c.seq.desc())
        .limit(1)
    ).first()
    return (row.seq, row.hash.hex()) if row else (0, trail.FIRST.hex())


def _keys(connection: Connection) -> list[str]:
    """The public keys that the trail names, in order."""
    table = tables.trail
    rows = connection.execute(
        select(table.c.after).where(table.c.what.in_((KEY_MADE, KEY_CHANGED))).order_by(table.c.seq)
    )
    found = []
    for (after,) in rows:
        try:
            found.append(str(json.loads(after)["key"]))
        except (ValueError, TypeError, KeyError):
            continue  # damaged: the check of the chain names it
    return found


def _head(store: str, row: Any) -> Head:
    return Head(store, row.day, row.seq, row.hash, row.signed_at, row.key, row.signature)


def _store_id(connection: Connection) -> str:
    table = tables.meta
    return str(connection.scalar(select(table.c.value).where(table.c.key == "id")))


def _date(text: Any) -> date | None:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        return None
