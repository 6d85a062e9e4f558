"""How Alembic reaches the store that is being opened."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from streams.store.tables import metadata

engine = context.config.attributes["engine"]
# the write lock first: a second process that opens a new store waits, and finds nothing to do
with engine.connect().execution_options(ketavigil_immediate=True) as connection:
    if engine.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(20261123)"))
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
