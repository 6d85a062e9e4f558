"""The tables of what patients had erased: each request, and the names that are not taken again."""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, LargeBinary, String, Table, Text

from streams.store.schema import Id, metadata

erasures = Table(
    "erasures",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False, comment="= trail.seq"),
    Column("kind", String, nullable=False, comment="patient, report, or what a period was over of"),
    Column("asked_at", Float, nullable=False),
    Column("records", Integer, nullable=False, comment="whose keys were lost by it"),
    Column("bodies", Integer, nullable=False, comment="checked contents that went with them"),
    Column("courses", Integer, nullable=False),
    Column("log_ends", Text, nullable=False, comment="JSON: what the log held then"),
    Column("done_at", Float, nullable=True, comment="when the log had let go of that; null: open"),
)

erased_names = Table(
    "erased_names",
    metadata,
    Column("hash", LargeBinary, primary_key=True, comment="keyed, of sender and pseudonym or case"),
    Column("erasure", Id, nullable=False),
)
