"""The page of one case, and who is told its narrative."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser
from sqlalchemy import select, update

from dashboards import people
from schemas.errors import InputError
from streams.master_key import load_sealer
from streams.sealing import Sealer
from streams.store import tables
from tests.browser import look_at
from tests.dashboards.board.conftest import Board
from tests.dashboards.support import report

TOLD = "She said <b>the room</b> was gone.\nAn hour later it was there again."


def case(board: Board, number: int = 1, **changes: Any) -> int:
    """A case whose raw record is sealed as the gateway seals it; its number."""
    content = report(number, **changes)
    body = {name: value for name, value in content.items() if name != "narrative"}
    sealed = load_sealer(board.filled.settings.data).seal(msgspec.json.encode(content))
    fields = dict(zip(("sealed", "wrapped_key", "sealed_hash"), sealed, strict=True))
    with board.filled.store.write() as connection:
        record = board.filled.version(connection, body, **fields)
        found = connection.scalar(
            select(tables.versions.c.case_id).where(tables.versions.c.id == record)
        )
    assert found is not None
    return int(found)


@contextmanager
def person(
    board: Board, role: people.Role = "officer", *, granted: bool = False, name: str = "Bea"
) -> Iterator[httpx.Client]:
    """Somebody who is signed in, with narratives or without."""
    store = board.filled.store
    people.create_user(store, name, role)
    if granted:
        people.grant(store, name, narratives=True, why="assesses cases of the urinary tract")
    token = people.use_link(store, people.create_link(store, name).removeprefix("/sign-in/"))
    assert token is not None
    cookies = {"ketavigil_session": token}
    with httpx.Client(base_url=board.url, cookies=cookies, timeout=20) as client:
        yield client


def trail(board: Board, what: str) -> list[tuple[str, str, str, str]]:
    table = tables.trail
    with board.filled.store.read() as connection:
        rows = connection.execute(
            select(table.c.who, table.c.subject, table.c.why, table.c.after)
            .where(table.c.what == what)
            .order_by(table.c.seq)
        )
        return [tuple(row) for row in rows]


def test_the_page_says_what_the_newest_version_says(empty: Board) -> None:
    number = case(empty)
    case(empty, version=2, received_at="2026-07-09", external_ids=["WW-7"])
    with person(empty) as client:
        text = client.get(f"/cases/{number}").text
    for said in ("A-1", "clinic-a", "p-1", "41 years", "female", "Spravato", "intranasal",
                 "DISSOCIATION", "recovered", "other medically important", "WW-7",
                 "Counted as esketamine, sertraline."):  # fmt: skip
        assert said in text
    assert text.index("2026-07-09") < text.rindex("2026-07-03")  # the one that counts stands first
    assert trail(empty, "patient_rows_read") == [
        ("Bea", f"case {number}", "", '{"n":1,"rows":"case"}')
    ]


def test_the_listing_of_a_signal_leads_to_its_cases(board: Board) -> None:
    with person(board) as client:
        text = client.get("/signals/1").text
        assert '<a href="/cases/3">A-2</a>' in text
        assert "A-2" in client.get("/cases/3").text
        assert "case" not in client.get("/signals/1/cases.csv").text.splitlines()[0].split(",")


@pytest.mark.parametrize("role", ["officer", "regulator", "admin"])
def test_no_role_reads_a_narrative_without_a_grant(empty: Board, role: people.Role) -> None:
    number = case(empty, narrative=TOLD)
    with person(empty, role) as client:
        assert client.get(f"/cases/{number}/narrative").status_code == 403
        page = client.get(f"/cases/{number}")
        assert page.status_code == (200 if role == "officer" else 403)
    assert "the room" not in page.text
    assert "/narrative" not in page.text


def test_who_was_granted_it_reads_the_narrative_and_the_trail_says_so(empty: Board) -> None:
    number = case(empty, narrative=TOLD)
    with person(empty, granted=True) as client:
        page = client.get(f"/cases/{number}").text
        assert "the room" not in page
        assert f'href="/cases/{number}/narrative#narrative"' in page
        told = client.get(f"/cases/{number}/narrative").text
    assert "She said &lt;b&gt;the room&lt;/b&gt; was gone." in told
    assert [after for *_, after in trail(empty, "patient_rows_read")] == [
        '{"n":1,"rows":"case"}',
        '{"n":1,"rows":"narrative"}',
    ]


def test_narratives_are_no_use_to_who_may_not_read_the_rows(empty: Board) -> None:
    number = case(empty, narrative=TOLD)
    with person(empty, "regulator", granted=True) as client:
        assert client.get(f"/cases/{number}/narrative").status_code == 403
        people.grant(empty.filled.store, "Bea", patient_level=True)
        assert "the room" in client.get(f"/cases/{number}/narrative").text
        people.grant(empty.filled.store, "Bea", narratives=False)
        assert client.get(f"/cases/{number}/narrative").status_code == 403


def test_a_grant_of_narratives_needs_a_reason_and_is_in_the_trail(empty: Board) -> None:
    store = empty.filled.store
    people.create_user(store, "Bea", "officer")
    with pytest.raises(InputError) as error:
        people.grant(store, "Bea", narratives=True, why=" ")
    assert error.value.code == "no_reason"
    people.grant(store, "Bea", narratives=True, why="assesses cases")
    (entry,) = trail(empty, "user_changed")
    assert entry[1:] == ("user Bea", "assesses cases", '{"narratives":true}')


def test_what_was_not_told_is_said_to_be_so(empty: Board) -> None:
    number = case(empty)
    with person(empty, granted=True) as client:
        assert "The sender wrote none." in client.get(f"/cases/{number}/narrative").text


def test_a_narrative_whose_key_is_another_deployments_is_said_to_be_unreadable(
    empty: Board,
) -> None:
    number = case(empty, narrative=TOLD)
    with empty.filled.store.write() as connection:
        other = Sealer(b"7" * 32).seal(b"{}")
        connection.execute(update(tables.records).values(wrapped_key=other.wrapped_key))
    with person(empty, granted=True) as client:
        assert "does not open with the master key" in client.get(f"/cases/{number}/narrative").text


def erase(board: Board, *, body: bool) -> None:
    """As an erasure leaves it (`body`), or retention of raw records alone."""
    with board.filled.store.write() as connection:
        connection.execute(update(tables.records).values(wrapped_key=None, erased_by=7))
        if body:
            connection.execute(update(tables.versions).values(body=b""))


def test_an_erased_case_says_so_and_what_it_counts_as(empty: Board) -> None:
    number = case(empty, narrative=TOLD)
    erase(empty, body=True)
    with person(empty, granted=True) as client:
        pages = [client.get(f"/cases/{number}{part}").text for part in ("", "/narrative")]
    for page in pages:
        assert "<strong>Erased</strong> (entry 7 of the audit trail)" in page
        assert "esketamine, sertraline; Dissociation" in page
        assert "p-1" not in page
        assert "41" not in page
        assert "Erased, by entry 7 of the audit trail." in page


def test_a_narrative_that_was_kept_long_enough_is_gone_and_the_rest_stands(empty: Board) -> None:
    number = case(empty, narrative=TOLD)
    erase(empty, body=False)
    with person(empty, granted=True) as client:
        page = client.get(f"/cases/{number}/narrative").text
    assert "Erased, by entry 7 of the audit trail." in page
    assert "p-1" in page


def test_what_is_no_case_of_reports_is_not_there(empty: Board) -> None:
    number = case(empty)
    with empty.filled.store.write() as connection:
        connection.execute(update(tables.cases).values(stream="followups"))
    with person(empty) as client:
        assert client.get(f"/cases/{number}").status_code == 404
        assert client.get("/cases/999").status_code == 404


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_and_the_keyboard_leads_to_the_narrative(
    chromium: Browser, empty: Board, width: int
) -> None:
    number = case(empty, narrative=TOLD, biomarkers=[{"name": "ALT", "value": 31, "unit": "U/L"}])
    with person(empty, granted=True) as client:
        token = client.cookies["ketavigil_session"]
    context = chromium.new_context(viewport={"width": width, "height": 800})
    cookie: Any = {"name": "ketavigil_session", "value": token, "url": empty.url}
    context.add_cookies([cookie])
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text))
    page.goto(f"{empty.url}/cases/{number}")
    look_at(page, "case")
    page.get_by_role("link", name="Read the narrative").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/narrative#narrative")
    assert "was gone." in page.locator(".said").inner_text()
    look_at(page, "case-narrative")
    assert complaints == []
    context.close()
