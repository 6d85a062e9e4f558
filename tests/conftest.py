"""What several packages of tests share."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Iterator

import pytest

from tests import kafka_server


@pytest.fixture(autouse=True)
def _dropped_sockets(request: pytest.FixtureRequest) -> Iterator[None]:
    """kafka-python 3.0.12 drops a socket unclosed where a client is closed while it connects.

    The warning would come at the next collection, in whatever test is running then.
    """
    yield
    if request.node.get_closest_marker("kafka") is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


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
