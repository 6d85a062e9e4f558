"""Failed sign-ins lock an account and an address, longer each time, whether there is one or not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.middleware import Middleware

from dashboards import people, sign_in
from dashboards.access import Access
from dashboards.board import accounts
from dashboards.lockout import FREE, LONGEST_DELAY, Lockout, delay
from schemas.errors import InputError
from streams.cli import main
from streams.store import tables
from streams.store.store import Store, open_store
from streams.store.trail import Actor
from tests.streams.gateway.serving import running

PASSWORD = "correct horse battery"
WRONG = "wrong horse battery"
ROOT = Actor("Root", "admin")


class Clock:
    """A time that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with an officer who has a password."""
    found = open_store(f"sqlite:///{tmp_path}/store.db")
    people.create_user(found, "Ann", "officer", PASSWORD)
    yield found
    found.close()


def fail(lockout: Lockout, name: str | None, host: str = "192.0.2.7") -> float:
    """One wrong try; the seconds to wait if it was not even looked at."""
    attempt = lockout.attempt(host, name)
    if not attempt.wait:
        lockout.failed(attempt, "password" if name is not None else "link")
    return attempt.wait


def entries(store: Store, what: str) -> list[Any]:
    """Of the trail, those of a kind."""
    table = tables.trail
    with store.read() as connection:
        found = select(table).where(table.c.what == what).order_by(table.c.seq)
        return list(connection.execute(found))


@pytest.mark.parametrize("name", ["Ann", "Nobody", "hunter2 hunter2"])
def test_each_failure_after_the_fifth_doubles_the_wait_for_every_name_alike(
    store: Store, name: str
) -> None:
    clock = Clock()
    lockout = Lockout(store, clock)
    waits = []
    for i in range(14):
        assert fail(lockout, name, host=f"192.0.2.{i}") == 0
        if wait := fail(lockout, name, host=f"198.51.100.{i}"):
            waits.append(wait)
            clock.now += wait - 1
            assert fail(lockout, name) == 1  # and asking meanwhile makes it no longer
            clock.now += 1
    assert waits[:7] == [60, 120, 240, 480, 960, 1920, 3600]
    assert set(waits[7:]) == {3600}


def test_an_address_waits_after_twenty_failures_whatever_the_names(store: Store) -> None:
    lockout = Lockout(store, Clock())
    assert [fail(lockout, f"n{i}") for i in range(20)] == [0] * 20
    assert fail(lockout, "Ann") == 60
    assert fail(lockout, None) == 60  # links too: each failure is an entry of the trail
    assert fail(lockout, "Ann", host="192.0.2.8") == 0


def test_the_addresses_of_one_network_of_ipv6_are_one(store: Store) -> None:
    lockout = Lockout(store, Clock())
    for i in range(20):
        assert fail(lockout, f"n{i}", host=f"2001:db8::{i:x}") == 0
    assert fail(lockout, "n", host="2001:db8::ffff:1") == 60
    assert fail(lockout, "n", host="2001:db8:0:1::1") == 0


def test_the_lock_of_an_account_holds_in_every_process_and_after_a_restart(store: Store) -> None:
    clock = Clock()
    for _ in range(5):
        assert fail(Lockout(store, clock), "Ann") == 0
    assert fail(Lockout(store, clock), "Ann") == 60


def test_tries_side_by_side_gain_nothing(store: Store) -> None:
    lockout = Lockout(store, Clock())
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda i: lockout.attempt(f"192.0.2.{i}", "Ann").wait, range(24)))
    assert sorted(waits) == [0.0] * 5 + [60.0] * 19


def test_who_signs_in_is_forgiven_and_the_address_keeps_what_others_did(store: Store) -> None:
    lockout = Lockout(store, Clock())
    for i in range(4):
        fail(lockout, "Ann")
        fail(lockout, f"n{i}")
    lockout.passed(lockout.attempt("192.0.2.7", "Ann"))
    assert [fail(lockout, "Ann", host="192.0.2.9") for _ in range(6)] == [0] * 5 + [60]
    with store.read() as connection:
        table = tables.attempts
        kept = select(table.c.failures).where(table.c.subject == "address 192.0.2.7")
        assert connection.scalar(kept) == 8


def test_failures_are_forgotten_after_a_day(store: Store) -> None:
    clock = Clock()
    lockout = Lockout(store, clock)
    for _ in range(5):
        fail(lockout, "Ann")
    clock.now += 24 * 3600 + 1
    assert [fail(lockout, "Ann") for _ in range(6)] == [0] * 5 + [60]


@given(failures=st.integers(0, 10_000), free=st.integers(1, 50))
def test_the_wait_never_gets_shorter_and_never_over_an_hour(failures: int, free: int) -> None:
    assert delay(failures, free) <= delay(failures + 1, free) <= LONGEST_DELAY
    assert (delay(failures, free) == 0) == (failures < free)


def test_a_lock_is_in_the_trail_and_no_name_that_nobody_has_is(store: Store) -> None:
    lockout = Lockout(store, Clock())
    for name in ("Ann", "hunter2 hunter2"):
        for _ in range(FREE["account"]):
            fail(lockout, name)
    locked = entries(store, "sign_in_locked")
    after = {"failures": 5, "seconds": 60, "host": "192.0.2.7"}
    assert [(row.subject, json.loads(row.after)) for row in locked] == [
        ("user Ann", after),
        ("a name that nobody has", after),
    ]
    assert len(entries(store, "sign_in_failed")) == 10
    with store.read() as connection:
        everything = str(connection.execute(select(tables.attempts)).all())
        everything += str(connection.execute(select(tables.trail)).all())
    assert "hunter2" not in everything


def test_an_administrator_unlocks_and_the_trail_has_who(store: Store) -> None:
    lockout = Lockout(store, Clock())
    for _ in range(6):
        fail(lockout, "Ann")
    lockout.unlock("Ann", ROOT)
    assert fail(lockout, "Ann") == 0
    (row,) = entries(store, "sign_in_unlocked")
    assert (row.who, row.subject, row.before) == ("Root", "user Ann", '{"failures":5}')


@pytest.mark.parametrize(("name", "code"), [("Nobody", "no_such_user"), ("Ann", "not_locked")])
def test_who_is_not_locked_cannot_be_unlocked(store: Store, name: str, code: str) -> None:
    with pytest.raises(InputError) as error:
        Lockout(store).unlock(name)
    assert error.value.code == code


@pytest.fixture
def url(store: Store) -> Iterator[str]:
    """The sign-in and the page of accounts behind the real check."""
    routes = [*sign_in.routes(store), *accounts.routes(store)]
    with running(Starlette(routes=routes, middleware=[Middleware(Access, store=store)])) as found:
        yield found


def _post(client: httpx.Client, name: str, password: str) -> httpx.Response:
    return client.post("/sign-in", data={"name": name, "password": password})


def _signed_in(client: httpx.Client, store: Store, name: str) -> str:
    assert client.post(people.create_link(store, name)).status_code == 303
    (csrf,) = set(re.findall(r'name="csrf" value="([0-9a-f]{64})"', client.get("/accounts").text))
    return str(csrf)


def test_over_http_the_right_password_waits_too_and_a_link_does_not(store: Store, url: str) -> None:
    with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
        for name in ("Ann", "Nobody"):
            assert [_post(client, name, WRONG).status_code for _ in range(5)] == [401] * 5
        known, unknown = _post(client, "Ann", PASSWORD), _post(client, "Nobody", PASSWORD)
        assert known.status_code == unknown.status_code == 429
        assert 0 < int(known.headers["retry-after"]) <= 60
        assert "Too many attempts. Wait 1 minute." in known.text
        assert known.text.replace("Ann", "") == unknown.text.replace("Nobody", "")
        assert client.post(people.create_link(store, "Ann")).status_code == 303


def test_on_the_board_an_administrator_sees_the_lock_and_ends_it(store: Store, url: str) -> None:
    people.create_user(store, "Root", "admin")
    with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
        for _ in range(5):
            _post(client, "Ann", WRONG)
        csrf = _signed_in(client, store, "Root")
        page = client.get("/accounts").text
        assert page.count("locked until") == 1
        assert page.index("Ann") < page.index("locked until") < page.index('scope="row">Root')
        unlocked = client.post("/accounts/unlock", data={"csrf": csrf, "name": "Ann"})
        assert (unlocked.status_code, unlocked.headers["location"]) == (303, "/accounts")
        assert "locked until" not in client.get("/accounts").text
        again = client.post("/accounts/unlock", data={"csrf": csrf, "name": "Ann"})
        assert again.status_code == 422
        assert "nothing was counted against" in again.text
        assert _post(client, "Ann", PASSWORD).status_code == 303
    assert entries(store, "sign_in_unlocked")[0].who == "Root"


def test_the_command_shows_and_ends_a_lock(
    tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    lockout = Lockout(store)
    for _ in range(5):
        fail(lockout, "Ann")
    at = ("--store", store.url, "--broker", f"sqlite:///{tmp_path}/log.db")
    assert main(["user", "list", *at]) == 0
    assert capsys.readouterr().out == "Ann\tofficer\tlocked\n"
    assert main(["user", "unlock", *at, "--name", "Ann"]) == 0
    assert main(["user", "list", *at]) == 0
    assert capsys.readouterr().out == "Ann\tofficer\tactive\n"
    assert main(["user", "unlock", *at, "--name", "Ann"]) == 2
    assert capsys.readouterr().err.startswith("ketavigil: not_locked: ")
