"""Who may see what: the table, the sign-in, the forms, the headers."""

from __future__ import annotations

import logging
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import select, update
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from dashboards import access, people, sessions, sign_in
from dashboards.access import ANYONE, COOKIE, PEOPLE, TABLE, Access, viewer
from schemas.errors import InputError
from streams.store import tables
from streams.store.store import Store, open_store
from tests.streams.gateway.serving import running

PASSWORD = "correct horse battery"
PAGE = {"accept": "text/html,*/*;q=0.8"}


@dataclass
class Site:
    """A small board behind the real check."""

    url: str
    store: Store

    def client(self) -> httpx.Client:
        """A browser with cookies of its own."""
        return httpx.Client(base_url=self.url, trust_env=False, timeout=20)

    @contextmanager
    def signed_in(self, name: str = "Ann") -> Iterator[httpx.Client]:
        """A browser in which somebody has signed in."""
        with self.client() as client:
            assert client.post(people.create_link(self.store, name)).status_code == 303
            yield client


async def _show(request: Request) -> Response:
    seen = viewer(request)
    return JSONResponse({"name": seen and seen.name, "csrf": seen and seen.csrf})


async def _note(request: Request) -> Response:
    return PlainTextResponse((await request.body()).decode())


async def _broken(request: Request) -> Response:
    raise ValueError("the patient is Jane Doe")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site with pages for all, for some and for nobody."""
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    table = TABLE | {
        "/notes": PEOPLE,
        "/admin": frozenset({"admin"}),
        "/broken": ANYONE,
        "/files": ANYONE,
    }
    app = Starlette(
        routes=[
            Route("/", _show),
            Route("/healthz", _show),
            Route("/events", _show),
            Route("/notes", _note, methods=["POST", "DELETE"]),
            Route("/admin", _show),
            Route("/broken", _broken),
            Route("/forgotten/{id}", _show),
            Mount("/files", routes=[Route("/{name}", _show)]),
            *sign_in.routes(store),
        ],
        middleware=[Middleware(Access, store=store, table=table)],
    )
    with running(app) as url:
        yield Site(url, store)
    store.close()


def _csrf(client: httpx.Client) -> str:
    return str(client.get("/").json()["csrf"])


def test_nobody_sees_a_page_without_signing_in(site: Site) -> None:
    with site.client() as client:
        page = client.get("/", headers=PAGE)
        assert (page.status_code, page.headers["location"]) == (303, "/sign-in")
        deep = client.get("/admin", headers=PAGE)
        assert deep.headers["location"] == "/sign-in?next=/admin"
        assert client.get("/", headers={"accept": "text/event-stream"}).status_code == 401
        part = client.get("/", headers=PAGE | {"hx-request": "true"})
        assert (part.status_code, part.headers["hx-redirect"]) == (401, "/sign-in")
        assert client.post("/notes", data={"text": "x"}).status_code == 401
        assert client.get("/no-such-page", headers=PAGE).status_code == 303
        assert client.get("/no-such-page").status_code == 401


def test_a_route_that_is_not_in_the_table_is_open_to_nobody(site: Site) -> None:
    with site.signed_in() as client:
        assert client.get("/forgotten/1").status_code == 403
    with site.client() as client:
        assert client.get("/forgotten/1").status_code == 403


def test_public_routes_are_open(site: Site) -> None:
    with site.client() as client:
        assert client.get("/healthz").json()["name"] is None
        assert client.get("/files/board.css").status_code == 200


def test_a_role_sees_what_the_table_gives_it(site: Site) -> None:
    people.create_user(site.store, "Root", "admin")
    with site.signed_in("Root") as client:
        assert client.get("/admin").json()["name"] == "Root"
    with site.signed_in("Ann") as client:
        assert client.get("/admin").status_code == 403
        assert client.get("/").json()["name"] == "Ann"
        assert client.get("/no-such-page").status_code == 404


def test_a_link_signs_in_once_and_looking_does_not_use_it_up(site: Site) -> None:
    link = people.create_link(site.store, "Ann")
    with site.client() as client:
        for _ in range(3):  # scanners look at links
            looked = client.get(link)
            assert looked.status_code == 200
            assert '<form method="post"' in looked.text
            assert COOKIE not in client.cookies
        used = client.post(link)
        assert (used.status_code, used.headers["location"]) == (303, "/")
        assert client.get("/").json()["name"] == "Ann"
    with site.client() as other:
        assert other.get(link).status_code == 410
        assert other.post(link).status_code == 410
        assert other.get("/").status_code == 401
        assert other.post("/sign-in/made-up").status_code == 410


def test_a_link_that_is_too_old_signs_nobody_in(site: Site) -> None:
    link = people.create_link(site.store, "Ann")
    with site.store.write() as connection:
        connection.execute(update(tables.links).values(expires_at=time.time() - 1))
    with site.client() as client:
        assert client.post(link).status_code == 410
        assert client.get("/").status_code == 401


def test_name_and_password_sign_in(site: Site) -> None:
    people.create_user(site.store, "Ann", "officer", PASSWORD)
    with site.client() as client:
        assert 'name="password"' in client.get("/sign-in").text
        fields = {"name": "Ann", "password": PASSWORD, "next": "/admin"}
        answer = client.post("/sign-in", data=fields)
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin")
        assert client.get("/").json()["name"] == "Ann"
        cookie = answer.headers["set-cookie"]
    for attribute in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=43200"):
        assert attribute in cookie
    assert "Secure" not in cookie  # over http on loopback it would never come back


@pytest.mark.parametrize(
    ("name", "password"), [("Ann", "wrong horse battery"), ("Bob", PASSWORD), ("Eve", ""), ("", "")]
)
def test_a_wrong_name_and_a_wrong_password_look_the_same(
    site: Site, name: str, password: str
) -> None:
    people.create_user(site.store, "Ann", "officer", PASSWORD)
    people.create_user(site.store, "Eve", "officer")
    with site.client() as client:
        answer = client.post("/sign-in", data={"name": name, "password": password})
        assert answer.status_code == 401
        assert "Name or password is wrong." in answer.text
        assert COOKIE not in client.cookies


def test_an_unknown_name_takes_as_long_as_a_wrong_password(site: Site) -> None:
    people.create_user(site.store, "Ann", "officer", PASSWORD)

    def took(name: str) -> float:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            assert not people.check_password(site.store, name, "wrong horse battery")
            times.append(time.perf_counter() - began)
        return min(times)

    took("nobody")
    known, unknown = took("Ann"), took("nobody")
    assert known / 2 < unknown < known * 2


def test_the_next_page_is_always_one_of_ours(site: Site) -> None:
    people.create_user(site.store, "Ann", "officer", PASSWORD)
    with site.client() as client:
        for elsewhere in ("https://evil.example/", "//evil.example/", "/\\evil.example", "evil"):
            fields = {"name": "Ann", "password": PASSWORD, "next": elsewhere}
            assert client.post("/sign-in", data=fields).headers["location"] == "/"
            assert "evil" not in client.get("/sign-in", params={"next": elsewhere}).text


def test_signing_out_ends_the_session_everywhere(site: Site) -> None:
    with site.signed_in() as client:
        stolen = client.cookies[COOKIE]
        csrf = _csrf(client)
        answer = client.post("/sign-out", data={"csrf": csrf})
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    with site.client() as client:
        client.cookies.set(COOKIE, stolen)
        assert client.get("/").status_code == 401


def test_a_session_ends_by_itself_and_when_the_person_is_disabled(site: Site) -> None:
    with site.signed_in("Ann") as ann, site.signed_in("Bob") as bob:
        people.disable_user(site.store, "Bob")
        assert bob.get("/").status_code == 401
        assert ann.get("/").status_code == 200
        with site.store.write() as connection:
            connection.execute(update(tables.sessions).values(expires_at=time.time() - 1))
        assert ann.get("/").status_code == 401
    with pytest.raises(InputError, match="disabled"):
        people.create_link(site.store, "Bob")


def test_a_disabled_person_cannot_sign_in(site: Site) -> None:
    people.create_user(site.store, "Ann", "officer", PASSWORD)
    assert people.check_password(site.store, "Ann", PASSWORD)
    people.disable_user(site.store, "Ann")
    assert not people.check_password(site.store, "Ann", PASSWORD)
    assert sessions.open_session(site.store, "Ann") is None


def test_neither_cookies_nor_links_nor_passwords_are_stored_as_they_are(site: Site) -> None:
    people.create_user(site.store, "Ann", "officer", PASSWORD)
    link = people.create_link(site.store, "Ann")
    with site.signed_in() as client:
        cookie = client.cookies[COOKIE]
    with site.store.read() as connection:
        rows = [
            str(row)
            for table in (tables.users, tables.links, tables.sessions)
            for row in connection.execute(select(table))
        ]
    assert len(rows) == 4
    for secret in (PASSWORD, link.rsplit("/", 1)[1], cookie):
        assert secret not in "".join(rows)
    assert "$argon2id$" in "".join(rows)


def test_a_form_needs_the_token_of_the_session(site: Site) -> None:
    with site.signed_in("Ann") as client, site.signed_in("Bob") as other:
        csrf = _csrf(client)
        assert client.post("/notes", data={"text": "x"}).status_code == 403
        assert client.post("/notes", data={"text": "x", "csrf": "é"}).status_code == 403
        assert client.post("/notes", data={"text": "x", "csrf": _csrf(other)}).status_code == 403
        assert client.delete("/notes").status_code == 403
        good = client.post("/notes", data={"text": "x", "csrf": csrf})
        assert (good.status_code, good.text) == (200, f"text=x&csrf={csrf}")
        by_header = client.post("/notes", content="{}", headers={"x-csrf-token": csrf})
        assert (by_header.status_code, by_header.text) == (200, "{}")
        large = client.post("/notes", data={"csrf": csrf, "text": "x" * 70_000})
        assert large.status_code == 413


def test_a_form_of_another_site_is_refused_even_with_a_token(site: Site) -> None:
    with site.signed_in() as client:
        form = {"csrf": _csrf(client)}
        own = {"origin": site.url, "sec-fetch-site": "same-origin"}
        assert client.post("/notes", data=form, headers=own).status_code == 200
        for headers in (
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site"},
        ):
            assert client.post("/notes", data=form, headers=headers).status_code == 403
    # nor can it sign somebody in as somebody else
    people.create_user(site.store, "Mallory", "officer", PASSWORD)
    with site.client() as client:
        fields = {"name": "Mallory", "password": PASSWORD}
        answer = client.post("/sign-in", data=fields, headers={"origin": "https://evil.example"})
        assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/", "/healthz", "/sign-in", "/no-such", "/v1/x", "/broken"])
def test_every_answer_has_the_headers(site: Site, path: str) -> None:
    with site.client() as client:
        headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_pages_of_the_sign_in_hold_nothing_inline(site: Site) -> None:
    with site.client() as client:
        pages = [client.get("/sign-in").text, client.get("/sign-in/x").text]
        pages.append(client.get(people.create_link(site.store, "Ann")).text)
    for page in pages:
        assert "<html" in page
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", page)


def test_pages_of_people_are_not_cached(site: Site) -> None:
    with site.signed_in() as client:
        assert client.get("/").headers["cache-control"] == "no-store"


def test_the_log_of_requests_holds_no_token_no_query_and_no_message(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "ketavigil")
    link = people.create_link(site.store, "Ann")
    with site.client() as client:
        client.get(link)
        client.get("/healthz?patient=Jane")
        broken = client.get("/broken")
    assert broken.status_code == 500
    assert "Jane" not in broken.text
    text = caplog.text
    assert "GET /sign-in/{token} 200" in text
    assert "ValueError at " in text
    assert "test_access.py" in text
    assert "Jane" not in text
    assert link not in text


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [
        ("", PASSWORD, "bad_name"),
        (" Ann", PASSWORD, "bad_name"),
        ("A\nB", PASSWORD, "bad_name"),
        ("Ann", "short", "weak_password"),
        ("Bob", PASSWORD, "user_exists"),
    ],
)
def test_people_who_cannot_be_added(site: Site, name: str, password: str, code: str) -> None:
    people.create_user(site.store, "Bob", "officer")
    with pytest.raises(InputError) as error:
        people.create_user(site.store, name, "officer", password)
    assert error.value.code == code
    assert [user.name for user in people.list_users(site.store)] == ["Bob"]


def test_nobody_who_is_not_there_can_be_disabled(site: Site) -> None:
    with pytest.raises(InputError) as error:
        people.disable_user(site.store, "Nobody")
    assert error.value.code == "no_such_user"


def _age(site: Site, **changes: float) -> None:
    with site.store.write() as connection:
        connection.execute(update(tables.sessions).values(**changes))


def test_a_session_ends_an_hour_after_its_last_use(site: Site) -> None:
    with site.signed_in() as client:
        _age(site, seen_at=time.time() - sessions.IDLE_SECONDS + 30)
        assert client.get("/").status_code == 200  # a use: the hour begins again
        with site.store.read() as connection:
            used = connection.execute(select(tables.sessions.c.seen_at)).scalar_one()
        assert used > time.time() - 30
        _age(site, seen_at=time.time() - sessions.IDLE_SECONDS - 1)
        assert client.get("/").status_code == 401


def test_what_a_page_asks_for_by_itself_does_not_keep_a_session(site: Site) -> None:
    with site.signed_in() as client:
        before = time.time() - sessions.IDLE_SECONDS + 300
        _age(site, seen_at=before)
        assert client.get("/events").status_code == 200
        with site.store.read() as connection:
            assert connection.scalar(select(tables.sessions.c.seen_at)) == before


def test_a_session_ends_after_twelve_hours_however_much_it_is_used(site: Site) -> None:
    with site.signed_in() as client:
        with site.store.read() as connection:
            row = connection.execute(select(tables.sessions)).one()
        assert row.expires_at - row.created_at == 12 * 3600
        _age(site, expires_at=time.time() - 1, seen_at=time.time())
        assert client.get("/").status_code == 401


def test_the_trail_has_who_signed_in_and_out_and_who_failed(site: Site) -> None:
    people.create_user(site.store, "Ann", "officer", PASSWORD)
    with site.client() as client:
        for name in ("Ann", "hunter2 hunter2"):  # the second typed a password in the wrong field
            client.post("/sign-in", data={"name": name, "password": "wrong"})
        client.post("/sign-in/made-up")
        client.post("/sign-in", data={"name": "Ann", "password": PASSWORD})
        client.post("/sign-out", data={"csrf": _csrf(client)})
    with site.client() as client:
        client.post(people.create_link(site.store, "Ann"))
    people.disable_user(site.store, "Ann")
    with site.store.read() as connection:
        rows = connection.execute(select(tables.trail).order_by(tables.trail.c.seq)).all()
    by_password = '{"by":"password","host":"127.0.0.1"}'
    by_link = '{"by":"link","host":"127.0.0.1"}'
    made = '{"password":true,"patient_level":false,"role":"officer"}'
    assert [(row.who, row.what, row.subject, row.after) for row in rows] == [
        ("console", "user_made", "user Ann", made),
        ("", "sign_in_failed", "user Ann", by_password),
        ("", "sign_in_failed", "a name that nobody has", by_password),
        ("", "sign_in_failed", "a link that does not hold", by_link),
        ("Ann", "signed_in", "user Ann", by_password),
        ("Ann", "signed_out", "user Ann", None),
        ("console", "link_made", "user Ann", None),
        ("Ann", "signed_in", "user Ann", by_link),
        ("console", "user_disabled", "user Ann", None),
    ]
    assert "hunter2" not in str(rows)


def _slow(site: Site, head: str) -> bytes:
    """What is answered to a body of which only the first byte comes."""
    address = urlsplit(site.url)
    with socket.create_connection((address.hostname or "", address.port or 0), 20) as wire:
        wire.settimeout(20)
        wire.sendall(f"{head}\r\nhost: {address.netloc}\r\ncontent-length: 9\r\n\r\nx".encode())
        return wire.recv(65536)


def test_a_form_that_does_not_come_to_its_end_is_not_waited_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "FORM_SECONDS", 0.2)
    with site.signed_in() as client:
        cookie = f"{COOKIE}={client.cookies[COOKIE]}"
    form = "content-type: application/x-www-form-urlencoded"
    inside = _slow(site, f"POST /notes HTTP/1.1\r\n{form}\r\ncookie: {cookie}")
    outside = _slow(site, f"POST /sign-in HTTP/1.1\r\n{form}")
    for answer in (inside, outside):
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in answer


def test_a_sign_in_that_is_too_large_is_refused(site: Site) -> None:
    with site.client() as client:
        answer = client.post("/sign-in", data={"name": "Ann", "password": "x" * 20_000})
    assert answer.status_code == 413


class _Counting:
    """So many requests of each name, and no more."""

    def __init__(self, most: int) -> None:
        self._left: dict[str, int] = {}
        self._most = most

    def wait(self, name: str) -> float:
        self._left[name] = self._left.get(name, self._most) - 1
        return 0.0 if self._left[name] >= 0 else 2.5


def test_who_asks_too_often_waits_by_person_and_by_address(site: Site) -> None:
    routes = [Route("/", _show), Route("/v1/signals", _show), Route("/healthz", _show)]
    check = Middleware(Access, store=site.store, buckets=_Counting(3))
    with running(Starlette(routes=routes, middleware=[check])) as url:

        def browser(name: str) -> httpx.Client:
            token = people.use_link(site.store, people.create_link(site.store, name)[9:])
            return httpx.Client(base_url=url, cookies={COOKIE: str(token)}, trust_env=False)

        with browser("Ann") as ann, browser("Bob") as bob, httpx.Client(base_url=url) as other:
            assert [ann.get("/").status_code for _ in range(4)] == [200, 200, 200, 429]
            refused = ann.get("/v1/signals")
            assert refused.headers["retry-after"] == "3"
            assert refused.json()["code"] == "too_fast"
            assert bob.get("/").status_code == 200  # each person, at the same address,
            # and who is nobody yet has the address's own
            assert [other.get("/healthz").status_code for _ in range(4)] == [200, 200, 200, 429]
            assert other.get("/v1/signals").status_code == 429
            assert bob.get("/").status_code == 200
