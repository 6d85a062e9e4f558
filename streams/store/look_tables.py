"""The tables of sequential evidence: families, looks with their counts, evidence, what is found."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Integer, String, Table, Text

from streams.store.schema import Id, metadata

families = Table(
    "families",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("dataset", String, nullable=False),
    Column("name", String, nullable=False),
    Column("products", Text, nullable=False, comment="JSON: list of names"),
    Column("events", Text, nullable=False, comment="JSON: list of names"),
    Column("alpha", Float, nullable=False),
    Column("margin", Float, nullable=False),
    Column("opened", String, nullable=False, comment="the day on which its list was fixed"),
    Column("digest", String, nullable=False, comment="of the file that it was opened from"),
    Column("opened_position", BigInteger, nullable=False, comment="it takes looks closed after"),
    Column("opened_at", Float, nullable=False),
    Column("ended_position", BigInteger, nullable=True, comment="it takes looks closed up to here"),
)

looks = Table(
    "looks",
    metadata,
    Column("dataset", String, primary_key=True),
    Column("day", String, primary_key=True, comment="UTC"),
    Column("imported_at", Float, nullable=True, comment="newest record of an import that goes on"),
    Column("closed_position", BigInteger, nullable=True, comment="null: open"),
    Column("closed_at", Float, nullable=True),
    sqlite_with_rowid=False,
)

look_counts = Table(
    "look_counts",
    metadata,
    Column("dataset", String, primary_key=True),
    Column("day", String, primary_key=True),
    Column("product", String, primary_key=True, comment="empty: all products"),
    Column("event", String, primary_key=True, comment="empty: all events"),
    Column("n", Integer, nullable=False, comment="what became known on the day"),
    sqlite_with_rowid=False,
)

evidence = Table(
    "evidence",
    metadata,
    Column("family", Id, primary_key=True, autoincrement=False),
    Column("product", String, primary_key=True),
    Column("event", String, primary_key=True),
    Column("day", String, primary_key=True, comment="of the look; dataset: that of the family"),
    Column("log_e", Float, nullable=False),
    Column("log_e_sup", Float, nullable=False, comment="the largest so far"),
    Column("n", Integer, nullable=False, comment="so far, as the others"),
    Column("n_product", Integer, nullable=False),
    Column("n_comparator", Integer, nullable=False, comment="other reports with the event"),
    Column("n_comparators", Integer, nullable=False, comment="other reports"),
    sqlite_with_rowid=False,
)

confirmations = Table(
    "confirmations",
    metadata,
    Column("signal_id", Id, primary_key=True, autoincrement=False),
    Column("family", Id, nullable=False),
    Column("day", String, nullable=False, comment="of the look that found it"),
    Column("n", Integer, nullable=False),
    Column("log_e", Float, nullable=False),
    Column("asked", Float, nullable=False, comment="log e that the family asked of it"),
    Column("among", Integer, nullable=False, comment="pairs of the family found by then"),
    Column("corrected_log_e", Float, nullable=True, comment="largest, on the newest versions"),
    Column("corrected_n", Integer, nullable=True),
    Column("corrected_position", BigInteger, nullable=True),
)
