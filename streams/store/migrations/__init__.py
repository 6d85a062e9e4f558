"""Alembic migrations of the store, run whenever it is opened."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from schemas.errors import StoreError


def upgrade(engine: Engine, url: str) -> None:
    """Bring a store to the newest schema; `StoreError` ("store_version") where it is newer."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    script = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == script.get_current_head():
        return
    if current is not None and current not in {r.revision for r in script.walk_revisions()}:
        raise StoreError(
            "store_version",
            f"the store at {url} has schema {current}, of a newer ketavigil; upgrade the program",
        )
    config.attributes["engine"] = engine
    command.upgrade(config, "head")
