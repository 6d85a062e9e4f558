"""Every test that asks for `url` runs once on each engine."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.log import Log, open_log
from tests.kafka_server import DROPPED


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=[pytest.mark.kafka, DROPPED])])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "kafka":
        return f"kafka://{request.getfixturevalue('kafka_broker')}"
    return f"sqlite:///{tmp_path}/log.db"


@pytest.fixture
def log(url: str) -> Iterator[Log]:
    opened = open_log(url)
    yield opened
    opened.close()


@pytest.fixture
def topic() -> str:
    """A name that no other test uses: they share the broker."""
    return f"t-{uuid.uuid4().hex[:12]}"
