"""A real PostgreSQL goes away under the web process: Prometheus says so, and that it is back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests import postgres_server
from tests.deployment import Deployment, eventually, report
from tests.monitoring import Monitoring

pytestmark = pytest.mark.postgresql


@pytest.fixture
def database() -> Iterator[postgres_server.Server]:
    try:
        with postgres_server.running() as server:
            yield server
    except postgres_server.Unavailable as lacking:
        if os.environ.get("KETAVIGIL_REQUIRE_ALL") == "1":
            raise
        pytest.skip(str(lacking))


def test_a_store_that_is_away_is_told_and_over_when_it_is_back(
    database: postgres_server.Server, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("data", "monitoring")]
    for folder in folders:
        folder.mkdir()
    with Deployment(folders[0], KETAVIGIL_STORE=database.url) as live:
        live.start("web")
        live.ready("web")
        key = live.key("clinic")
        with Monitoring(folders[1], live.url) as watch:
            both = "count(ketavigil_part_reachable == 1) == 2"
            eventually(lambda: bool(watch.query(both)), "log and store to be there")
            assert watch.quiet("StoreOrBrokerAway")

            database.kill()
            assert live.push(key, [report("clinic", "A-1")]).status_code == 503
            for receiver in ("officer-page", "operator-page"):
                told = partial(watch.told, receiver, "StoreOrBrokerAway")
                eventually(told, f"{receiver} to be told")
            (alert,) = watch.firing("StoreOrBrokerAway")
            assert alert["part"] == "store"
            first = watch.receiver.alerts("operator-page", "StoreOrBrokerAway", "firing")[0]
            assert first["annotations"]["summary"] == (
                "The store cannot be used; senders are told to send again."
            )

            database.start()
            over = ("operator-page", "StoreOrBrokerAway", "resolved")
            eventually(lambda: watch.told(*over), "the operator to be told that it is over")
            assert watch.quiet("StoreOrBrokerAway")
            assert live.push(key, [report("clinic", "A-1")]).status_code == 202
