"""The tables of what people do: the audit trail, the workflow of signals, who looked at what."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

from streams.store.schema import Id, metadata

trail = Table(
    "trail",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False, comment="1, 2, 3, ... without a gap"),
    Column("at", BigInteger, nullable=False, comment="microseconds since 1970, system time"),
    Column("who", String, nullable=False, comment="empty: nobody who is known"),
    Column("role", String, nullable=False),
    Column("what", String, nullable=False, index=True),
    Column("subject", String, nullable=False, index=True),
    Column("why", Text, nullable=False),
    Column("before", Text, nullable=True, comment="JSON"),
    Column("after", Text, nullable=True, comment="JSON"),
    Column("previous", LargeBinary, nullable=False, comment="hash of the entry before"),
    Column("hash", LargeBinary, nullable=False, comment="SHA-256, see store.trail"),
    comment="append-only: triggers refuse to change or delete",
)

_APPEND_ONLY = {
    "sqlite": [
        f"CREATE TRIGGER trail_{what.lower()} BEFORE {what} ON trail "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        for what in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE FUNCTION trail_keep() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$",
        "CREATE TRIGGER trail_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON trail "
        "FOR EACH STATEMENT EXECUTE FUNCTION trail_keep()",
    ],
}
for _dialect, _statements in _APPEND_ONLY.items():
    for _statement in _statements:
        _ddl: Any = DDL(_statement)  # type: ignore[no-untyped-call]
        event.listen(trail, "after_create", _ddl.execute_if(dialect=_dialect))

workflow = Table(
    "workflow",
    metadata,
    Column("signal_id", Id, primary_key=True, autoincrement=False),
    Column("revision", Integer, nullable=False, comment="acts so far"),
    Column("state", String, nullable=False, comment="of GVP Module IX, see store.workflow"),
    Column("priority", String, nullable=True, comment="null: as the detector raised it"),
    Column("owner", String, nullable=True),
    Column("due", String, nullable=True, comment="ISO date"),
    Column("causality", String, nullable=True, comment="category of WHO-UMC"),
    Column("rucam", Text, nullable=True, comment="JSON: dashboards.liver, of one case"),
    Column("reason", String, nullable=True, comment="why refuted or closed"),
    Column("proposed", String, nullable=True, comment="state that waits for a second person"),
    Column("proposed_by", String, nullable=True),
    Column("since", Float, nullable=False, comment="in this state, system time"),
    Column("n", Integer, nullable=True, comment="cases or first events when it ended"),
    Column("position", BigInteger, nullable=True, comment="in changes, when it ended"),
    comment="a signal nobody has touched has no row and is new",
)

acts = Table(
    "acts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False, comment="= trail.seq"),
    Column("signal_id", Id, nullable=False, index=True),
    Column("revision", Integer, nullable=False, comment="of the workflow, after it"),
    Column("at", Float, nullable=False),
    Column("position", BigInteger, nullable=False, comment="in changes, of the newest scored"),
    Column("who", String, nullable=False),
    Column("what", String, nullable=False, comment="moved, proposed, declined, noted or returned"),
    Column("from_state", String, nullable=False),
    Column("to_state", String, nullable=False),
    Column("note", Text, nullable=False),
    Column("detail", Text, nullable=False, comment="JSON: what else changed, or is new"),
)

seen = Table(
    "seen",
    metadata,
    Column("user", String, primary_key=True),
    Column("signal_id", Id, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("n", Integer, nullable=False, comment="cases or first events at that time"),
    Column("history", Id, nullable=False, comment="newest id of signal_history at that time"),
    Column("act", Id, nullable=False, comment="newest id of acts at that time"),
    comment="each person's last look at each signal",
)

attempts = Table(
    "attempts",
    metadata,
    Column("subject", String, primary_key=True, comment="user NAME, nobody HASH or address HOST"),
    Column("failures", Integer, nullable=False, comment="failed sign-ins in a row"),
    Column("at", Float, nullable=False, comment="of the last one"),
    Column("until", Float, nullable=False, comment="no further try before; 0: at once"),
)

trail_heads = Table(
    "trail_heads",
    metadata,
    Column("day", String, primary_key=True, comment="ISO, UTC; over when it was signed"),
    Column("seq", BigInteger, nullable=False, comment="newest entry of the trail by its end"),
    Column("hash", String, nullable=False, comment="of that entry, hex"),
    Column("signed_at", BigInteger, nullable=False, comment="microseconds since 1970"),
    Column("key", String, nullable=False, comment="public key, base64"),
    Column("signature", String, nullable=False, comment="Ed25519, base64, see store.heads"),
)

subjects = Table(
    "subjects",
    metadata,
    Column("user", String, primary_key=True),
    Column("issuer", String, nullable=False, comment="URL of an OpenID provider"),
    Column("subject", String, nullable=False, comment="who the person is there"),
    Column("linked_at", Float, nullable=False),
    UniqueConstraint("issuer", "subject"),
    comment="by which account somebody signs in through a provider",
)

round_trips = Table(
    "round_trips",
    metadata,
    Column("hash", LargeBinary, primary_key=True, comment="SHA-256 of the cookie"),
    Column("next", String, nullable=False, comment="path of ours to go on to"),
    Column("expires_at", Float, nullable=False),
    comment="to an OpenID provider, begun and not ended",
)
