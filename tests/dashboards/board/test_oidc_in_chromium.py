"""Signing in by an OpenID provider of another site, in real Chromium and under the real policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboards import people
from dashboards.registration import PREFIX
from dashboards.subjects import link_subject
from dashboards.web import create_web
from tests.browser import look_at
from tests.dashboards.board.conftest import Board
from tests.dashboards.openid import CLIENT, SECRET, SUBJECT, OpenId, provider
from tests.dashboards.support import Filled
from tests.streams.gateway.serving import running

pytestmark = pytest.mark.browser


@pytest.fixture
def openid() -> Iterator[OpenId]:
    """To a browser `localhost` is another site than 127.0.0.1: its cookies are put to the test."""
    with provider() as made:
        made.url = made.url.replace("127.0.0.1", "localhost")
        yield made


@pytest.fixture
def linked(tmp_path: Path, openid: OpenId, monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    """A whole board on which Anna is linked."""
    (tmp_path / "secret").write_text(SECRET)
    monkeypatch.setenv(f"{PREFIX}ISSUER", openid.url)
    monkeypatch.setenv(f"{PREFIX}CLIENT_ID", CLIENT)
    monkeypatch.setenv(f"{PREFIX}CLIENT_SECRET_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv(f"{PREFIX}LABEL", "Clinic ID")
    filled = Filled(tmp_path)
    people.create_user(filled.store, "Anna", "officer")
    link_subject(filled.store, "Anna", openid.url, SUBJECT)
    with running(create_web(filled.settings)) as url:
        yield Board(url, filled)
    filled.close()


def test_out_to_the_provider_and_back_to_the_page_that_was_asked_for(
    chromium: Browser, linked: Board, openid: OpenId
) -> None:
    complaints: list[str] = []
    context = chromium.new_context(locale="de-DE", viewport={"width": 360, "height": 800})
    page: Page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text))
    page.goto(f"{linked.url}/signals")
    look_at(page, "sign-in-with-a-provider")
    page.get_by_role("link", name="Anmelden mit Clinic ID").click()
    expect(page).to_have_url(f"{linked.url}/signals")
    expect(page.get_by_role("banner")).to_contain_text("Anna")
    context.close()
    assert complaints == []


def test_who_is_not_linked_reads_why_and_what_else_there_is(
    chromium: Browser, linked: Board, openid: OpenId
) -> None:
    openid.claims = {"sub": "somebody"}
    context = chromium.new_context(locale="de-DE", viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.goto(f"{linked.url}/sign-in")
    page.get_by_role("link", name="Anmelden mit Clinic ID").click()
    expect(page.get_by_role("alert")).to_contain_text("mit keinem Konto verknüpft")
    expect(page.locator("main code")).to_have_text("oidc_unlinked")
    look_at(page, "sign-in-not-linked")
    page.get_by_role("link", name="Auf andere Weise anmelden").click()
    expect(page).to_have_url(f"{linked.url}/sign-in")
    context.close()
