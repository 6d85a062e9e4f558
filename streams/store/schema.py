"""What all tables of the store share: their metadata, and the type of an id."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives row ids only to INTEGER, PostgreSQL needs more than 32 bits for them
Id = BigInteger().with_variant(Integer, "sqlite")
