"""When the key of a sender ends: told by the key it uses, on the board and as a metric."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import update
from starlette.applications import Starlette

from dashboards import people
from dashboards.expiry import key_ends
from dashboards.metrics import metrics_route
from dashboards.web import create_web
from streams.gateway.keys import create_key, revoke_key, rotate_key
from streams.store import tables
from tests.dashboards.support import Filled
from tests.streams.gateway.serving import report, running

DAY = 86_400.0


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    """A deployment without records."""
    made = Filled(tmp_path)
    yield made
    made.close()


def use(filled: Filled, number: int, at: float) -> None:
    with filled.store.write() as connection:
        table = tables.keys
        connection.execute(update(table).where(table.c.id == number).values(used_at=at))


def ends(filled: Filled) -> dict[str, tuple[int, float]]:
    """Of each sender the number of the key, and in how many days it ends."""
    now = time.time()
    with filled.store.read() as connection:
        found = key_ends(connection, now)
    return {name: (number, round((at - now) / DAY)) for name, (number, at) in found.items()}


def test_what_counts_is_the_key_that_a_sender_used_last(filled: Filled) -> None:
    now = time.time()
    create_key(filled.store, "clinic-a", days=100)
    create_key(filled.store, "clinic-b")
    assert ends(filled) == {"clinic-a": (1, 100)}
    use(filled, 1, now - DAY)
    rotate_key(filled.store, 1, days=365, overlap_days=7)
    assert ends(filled) == {"clinic-a": (1, 7)}  # the new one was sent, and is not in use yet
    use(filled, 3, now)
    assert ends(filled) == {"clinic-a": (3, 365)}


def test_a_key_that_has_ended_is_told_until_it_is_revoked(filled: Filled) -> None:
    create_key(filled.store, "clinic-a", days=1)
    with filled.store.write() as connection:
        connection.execute(update(tables.keys).values(expires_at=time.time() - 3 * DAY))
    assert ends(filled) == {"clinic-a": (1, -3)}
    revoke_key(filled.store, 1)
    assert ends(filled) == {}


def test_a_key_that_is_no_registrys_needs_no_warning(filled: Filled) -> None:
    create_key(filled.store, "somebody", "officer", days=1)
    assert ends(filled) == {}


def test_the_metric_has_the_end_of_the_key_in_use(filled: Filled) -> None:
    create_key(filled.store, "clinic-a", days=20)
    create_key(filled.store, "clinic-b")
    app = Starlette(routes=[metrics_route(filled.store, filled.settings, CollectorRegistry())])
    with running(app) as url:
        lines = httpx.get(f"{url}/metrics", trust_env=False, timeout=20).text.splitlines()
    name = "ketavigil_key_expires_timestamp_seconds"
    (line,) = [line for line in lines if line.startswith(name)]
    head, _, value = line.rpartition(" ")
    assert head == f'{name}{{registry="clinic-a"}}'
    assert float(value) == pytest.approx(time.time() + 20 * DAY, abs=120)


def test_the_board_puts_a_key_that_ends_soon_first_and_shows_the_last_use(filled: Filled) -> None:
    create_key(filled.store, "a-clinic")
    key = create_key(filled.store, "b-clinic", days=20)
    people.create_user(filled.store, "Root", "admin")
    with (
        running(create_web(filled.settings)) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=20) as client,
    ):
        assert client.post(people.create_link(filled.store, "Root")).status_code == 303
        before = client.get("/accounts").text
        headers = {"authorization": f"Bearer {key}"}
        answer = client.post(
            "/v1/reports?validate=true", json=report(sender="b-clinic"), headers=headers
        )
        assert answer.status_code == 202
    assert before.index("b-clinic") < before.index("a-clinic")
    assert before.count("and is the one in use") == 1
    assert before.count('<span class="muted">never</span>') == 2
    assert key not in before
    with filled.store.read() as connection:  # written at the end of the process at the latest
        rows = connection.execute(tables.keys.select().order_by(tables.keys.c.id)).all()
    assert [row.used_at is None for row in rows] == [True, False]
