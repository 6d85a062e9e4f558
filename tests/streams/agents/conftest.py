"""A store that a detector may write, and the detector's clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from streams.store.store import Store, bind_log, open_store
from tests.streams.agents.cohorts import LOG, noon


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    opened = open_store(store_url)
    with opened.write() as connection:
        bind_log(connection, "detect", LOG, {("changes", 0): 10**6})
    yield opened
    opened.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the detector takes for the time, to be set."""
    now = [noon(date(2026, 11, 1))]
    monkeypatch.setattr("streams.agents.detector.time.time", lambda: now[0])
    return now
