"""What several packages of tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests import kafka_server


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a Kafka broker: `KETAVIGIL_TEST_KAFKA`, or one that is started here."""
    given = os.environ.get("KETAVIGIL_TEST_KAFKA")
    if given:
        yield given
        return
    try:
        with kafka_server.running(tmp_path_factory.mktemp("kafka")) as address:
            yield address
    except kafka_server.Unavailable as lacking:
        if os.environ.get("KETAVIGIL_REQUIRE_ALL") == "1":
            raise
        pytest.skip(str(lacking))
