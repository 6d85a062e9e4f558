"""Signing in by an OpenID provider: the way in, and everything that is refused on it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dashboards import access, oidc, people, sign_in
from dashboards import provider as asked
from dashboards.access import Access, viewer
from dashboards.lockout import Lockout
from dashboards.provider import Provider
from dashboards.subjects import link_subject, unlink_subject
from schemas.errors import InputError
from streams.store import tables
from streams.store.store import Store, open_store
from tests.dashboards.openid import SUBJECT, OpenId, provider
from tests.streams.gateway.serving import running

PASSWORD = "correct horse battery"


@dataclass
class Site:
    """A board beside its provider."""

    url: str
    store: Store
    openid: OpenId

    def browser(self) -> httpx.Client:
        """One with cookies of its own, which shows each step."""
        return httpx.Client(base_url=self.url, trust_env=False, timeout=20)

    def way_back(self, browser: httpx.Client, where: str = "") -> str:
        """Begin, sign in at the provider, and stop before its answer is brought back."""
        out = browser.get(f"/sign-in/oidc{where}")
        assert out.status_code == 303
        there = browser.get(out.headers["location"])
        assert there.status_code == 302
        return str(there.headers["location"])

    def come(self) -> httpx.Response:
        """The whole way, in a new browser."""
        with self.browser() as browser:
            return browser.get(self.way_back(browser))

    def entries(self, what: str) -> list[tuple[str, str, dict[str, Any]]]:
        """Who, about what, and how, of each such entry in the trail."""
        table = tables.trail
        with self.store.read() as connection:
            rows = connection.execute(
                select(table).where(table.c.what == what).order_by(table.c.seq)
            ).all()
        return [(row.who, row.subject, json.loads(row.after)) for row in rows]


async def _name(request: Request) -> Response:
    seen = viewer(request)
    return PlainTextResponse(f"{seen.name}, {seen.role}" if seen else "nobody")


@pytest.fixture(scope="module")
def running_provider() -> Iterator[OpenId]:
    with provider() as found:
        yield found


@pytest.fixture
def openid(running_provider: OpenId) -> OpenId:
    """It behaves again in each test."""
    url, keys = running_provider.url, running_provider.keys
    OpenId.__init__(running_provider)
    running_provider.url, running_provider.keys = url, keys
    return running_provider


@pytest.fixture
def site(tmp_path: Path, openid: OpenId) -> Iterator[Site]:
    """Ann, an officer, is linked."""
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    people.create_user(store, "Ann", "officer")
    link_subject(store, "Ann", openid.url, SUBJECT)
    routes = [
        Route("/", _name),
        Route("/signals", _name),
        *oidc.routes(store, Provider(openid.registration())),
        *sign_in.routes(store, "Clinic ID"),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Access, store=store)])
    with running(app) as url:
        yield Site(url, store, openid)
    store.close()


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert f"<code>{code}</code>" in answer.text
    assert access.COOKIE not in answer.cookies
    assert answer.headers["cache-control"] == "no-store"


def test_who_is_linked_comes_in_as_the_account_that_is_here(site: Site) -> None:
    # what the provider says of roles is nothing to us
    site.openid.claims = {"roles": ["admin"], "groups": ["admin"], "name": "Root"}
    with site.browser() as browser:
        link = "/sign-in/oidc?next=/signals"
        page = browser.get("/sign-in?next=/signals").text
        assert f'href="{link}">Sign in with Clinic ID' in page
        back = site.way_back(browser, "?next=/signals")
        answer = browser.get(back)
        assert (answer.status_code, answer.headers["location"]) == (303, "/signals")
        assert browser.get("/").text == "Ann, officer"
        assert oidc.COOKIE not in browser.cookies
    assert site.entries("signed_in") == [
        ("Ann", "user Ann", {"by": "oidc", "host": "127.0.0.1"}),
    ]
    assert site.entries("sign_in_failed") == []


def test_the_cookie_is_no_scripts_and_the_store_has_its_hash_alone(site: Site) -> None:
    with site.browser() as browser:
        out = browser.get("/sign-in/oidc")
        (cookie,) = out.headers.get_list("set-cookie")
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Max-Age=600" in cookie
        assert "Path=/sign-in/oidc" in cookie
        secret = browser.cookies[oidc.COOKIE]
    assert secret not in out.headers["location"]
    with site.store.read() as connection:
        (row,) = connection.execute(select(tables.round_trips)).all()
    assert secret.encode() not in row.hash


def test_the_page_to_go_on_to_is_always_one_of_ours(site: Site) -> None:
    with site.browser() as browser:
        back = site.way_back(browser, "?next=https://elsewhere.example")
        assert browser.get(back).headers["location"] == "/"


def test_an_answer_that_another_browser_asked_for_is_refused(site: Site) -> None:
    with site.browser() as mine, site.browser() as theirs:
        back = site.way_back(theirs)
        refused(mine.get(back), 400, "oidc_state")  # with no cookie
        site.way_back(mine)
        refused(mine.get(back), 400, "oidc_state")  # with another
        assert mine.get("/").status_code == 401
    assert site.entries("sign_in_failed")[0] == (
        "",
        "a sign-in that does not hold",
        {"by": "oidc", "host": "127.0.0.1", "code": "oidc_state"},
    )


def test_an_answer_counts_once(site: Site) -> None:
    with site.browser() as browser:
        back = site.way_back(browser)
        secret = browser.cookies[oidc.COOKIE]
        assert browser.get(back).status_code == 303
    with site.browser() as again:
        again.cookies.set(oidc.COOKIE, secret)
        refused(again.get(back), 400, "oidc_state")


def test_a_code_that_was_used_already_is_refused(site: Site) -> None:
    with site.browser() as first, site.browser() as second:
        used = httpx.URL(site.way_back(first)).params["code"]
        assert first.get(f"/sign-in/oidc/answer?code={used}&state=x").status_code == 400
        back = httpx.URL(site.way_back(second))
        # in a round trip that is right but for the code of another: PKCE holds it
        refused(second.get(back.copy_set_param("code", used)), 400, "oidc_code")
    assert site.entries("signed_in") == []


def test_a_round_trip_ends_after_ten_minutes(site: Site) -> None:
    with site.browser() as browser:
        back = site.way_back(browser)
        with site.store.write() as connection:
            connection.execute(update(tables.round_trips).values(expires_at=time.time() - 1))
        refused(browser.get(back), 400, "oidc_state")


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"nonce": "of another"}, "oidc_nonce"),
        ({"nonce": None}, "oidc_nonce"),
        ({"aud": "another site"}, "oidc_audience"),
        ({"aud": ["the board", "another site"]}, "oidc_audience"),
        ({"azp": "another site"}, "oidc_audience"),
        ({"iss": "https://elsewhere.example"}, "oidc_issuer"),
        ({"exp": 1_000_000_000}, "oidc_expired"),
        ({"iat": 1_000_000_000}, "oidc_expired"),
        ({"iat": 9_000_000_000}, "oidc_expired"),
        ({"nbf": 9_000_000_000}, "oidc_expired"),
        ({"exp": None}, "oidc_token"),
        ({"exp": "never"}, "oidc_token"),
        ({"sub": None}, "oidc_token"),
        ({"sub": "a\nb"}, "oidc_token"),
    ],
    ids=str,
)
def test_a_token_that_says_something_else_is_refused(
    site: Site, claims: dict[str, Any], code: str
) -> None:
    site.openid.claims = claims
    refused(site.come(), 400, code)
    ((who, _subject, said),) = site.entries("sign_in_failed")
    assert (who, said["code"]) == ("", code)


def test_a_token_for_several_that_names_us_as_its_party_is_fine(site: Site) -> None:
    site.openid.claims = {"aud": ["the board", "another site"], "azp": "the board"}
    assert site.come().status_code == 303


@pytest.mark.parametrize(
    ("signed", "code"),
    [("none", "oidc_algorithm"), ("HS256", "oidc_algorithm"), ("forged", "oidc_signature")],
)
def test_a_token_that_the_provider_did_not_sign_is_refused(
    site: Site, signed: str, code: str
) -> None:
    site.openid.signed = signed
    refused(site.come(), 400, code)


def test_other_signatures_with_public_keys_count(site: Site) -> None:
    site.openid.signed = "PS256"
    assert site.come().status_code == 303


def test_a_new_key_of_the_provider_is_fetched_and_a_key_of_nobody_is_refused(site: Site) -> None:
    assert site.come().status_code == 303
    assert site.come().status_code == 303
    assert site.openid.asked.count("keys") == 1
    site.openid.rotate()
    assert site.come().status_code == 303
    assert site.openid.asked.count("keys") == 2
    site.openid.header = {"kid": "of nobody"}
    refused(site.come(), 400, "oidc_key")
    assert site.openid.asked.count("configuration") == 1


def test_a_provider_that_wants_the_secret_in_the_form_gets_it_there(site: Site) -> None:
    site.openid.published = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert site.come().status_code == 303


def test_the_answer_of_another_provider_is_refused(site: Site) -> None:
    with site.browser() as browser:
        back = httpx.URL(site.way_back(browser))
        mixed = back.copy_set_param("iss", "https://elsewhere.example")
        refused(browser.get(mixed), 400, "oidc_issuer")


def test_who_does_not_sign_in_there_does_not_here(site: Site) -> None:
    site.openid.refusal = "access_denied"
    refused(site.come(), 400, "oidc_refused")


@pytest.mark.parametrize(
    "broken",
    [
        {"answer": 500},
        {"answer": 302},  # nobody is followed elsewhere
        {"large": 300_000},
        {"slow": 1.0},
        {"published": {"issuer": "https://elsewhere.example"}},
        {"published": {"token_endpoint": "http://elsewhere.example/token"}},
        {"published": {"jwks_uri": None}},
    ],
    ids=str,
)
def test_without_its_provider_the_board_takes_passwords(
    site: Site, broken: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "slow" in broken:
        monkeypatch.setattr(asked, "SECONDS", 0.1)
    people.set_password(site.store, "Ann", PASSWORD)
    vars(site.openid).update(broken)
    with site.browser() as browser:
        refused(browser.get("/sign-in/oidc"), 503, "oidc_away")
        said = {"name": "Ann", "password": PASSWORD}
        assert browser.post("/sign-in", data=said).status_code == 303
    assert "keys" not in site.openid.asked


def test_a_provider_that_goes_away_on_the_way_counts_against_nobody(site: Site) -> None:
    site.openid.published = {"token_endpoint": f"{site.openid.url}/nowhere"}
    refused(site.come(), 503, "oidc_away")
    with site.store.read() as connection:
        assert connection.scalars(select(tables.attempts.c.failures)).all() == [0]


def test_whom_nobody_linked_is_told_so_and_no_account_is_made(site: Site) -> None:
    site.openid.claims = {"sub": "somebody"}
    refused(site.come(), 403, "oidc_unlinked")
    assert [user.name for user in people.list_users(site.store)] == ["Ann"]
    said = {"by": "oidc", "host": "127.0.0.1", "code": "oidc_unlinked", "subject": "somebody"}
    assert site.entries("sign_in_failed") == [("", "a sign-in that does not hold", said)]


def test_a_subject_of_another_provider_is_somebody_else(site: Site) -> None:
    link_subject(site.store, "Ann", "https://elsewhere.example", SUBJECT)
    refused(site.come(), 403, "oidc_unlinked")


def test_a_disabled_account_stays_out(site: Site) -> None:
    people.disable_user(site.store, "Ann")
    refused(site.come(), 403, "oidc_disabled")
    ((_who, subject, said),) = site.entries("sign_in_failed")
    assert (subject, said["code"]) == ("user Ann", "oidc_disabled")


def test_a_locked_account_waits_here_too(site: Site) -> None:
    lockout = Lockout(site.store)
    for _ in range(5):
        lockout.failed(lockout.attempt("192.0.2.7", "Ann"), "password")
    answer = site.come()
    refused(answer, 429, "oidc_locked")
    assert 0 < int(answer.headers["retry-after"]) <= 60
    lockout.unlock("Ann")
    assert site.come().status_code == 303


def test_an_address_that_goes_on_failing_waits(site: Site) -> None:
    with site.browser() as browser:
        codes = [browser.get("/sign-in/oidc/answer?state=x").status_code for _ in range(21)]
    assert codes == [400] * 20 + [429]


def test_links_of_accounts_are_made_and_ended_in_the_trail(site: Site) -> None:
    people.create_user(site.store, "Bob", "officer")
    for name, subject, code in (
        ("Nobody", "x", "no_such_user"),
        ("Bob", "", "bad_subject"),
        ("Bob", SUBJECT, "subject_taken"),
    ):
        with pytest.raises(InputError) as error:
            link_subject(site.store, name, site.openid.url, subject)
        assert error.value.code == code
    unlink_subject(site.store, "Ann")
    link_subject(site.store, "Bob", site.openid.url, SUBJECT)
    assert site.come().status_code == 303
    assert [who for who, *_ in site.entries("signed_in")] == ["Bob"]
    with pytest.raises(InputError) as error:
        unlink_subject(site.store, "Ann")
    assert error.value.code == "not_linked"
    assert [said["subject"] for _, _, said in site.entries("user_changed")] == [
        SUBJECT,
        None,
        SUBJECT,
    ]


def test_without_a_provider_there_is_neither_route_nor_button(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    routes = [*oidc.routes(store, None), *sign_in.routes(store)]
    app = Starlette(routes=routes, middleware=[Middleware(Access, store=store)])
    with running(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
        assert client.get("/sign-in/oidc").status_code == 404
        assert client.get("/sign-in/oidc/answer?state=x&code=y").status_code == 404
        assert "oidc" not in client.get("/sign-in").text
    store.close()
