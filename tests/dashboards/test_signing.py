"""Signatures: the password again, a meaning, and a hash that binds them to what was signed."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from dashboards import people
from dashboards.form import Form
from dashboards.reports import trail as reports
from dashboards.sessions import Viewer
from dashboards.signing import confirm
from dashboards.web import create_web
from dashboards.workflow import DECLINE, Workflow, act, asks_signature
from schemas.errors import InputError
from streams.agents.trail_verification import check_acts, check_signatures
from streams.settings import Settings
from streams.store import tables
from tests.dashboards.support import Filled, fill
from tests.streams.gateway.serving import running

PASSWORD = "correct horse battery"
ANN = Viewer("Ann", "officer", "")
SIGNED = frozenset({"refuted"})
HOST = "192.0.2.7"


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    """Three signals; Ann and Bob have passwords, Eve signs in by link."""
    made = Filled(tmp_path)
    fill(made)
    for name in ("Ann", "Bob"):
        people.create_user(made.store, name, "officer", PASSWORD)
    people.create_user(made.store, "Eve", "officer")
    yield made
    made.close()


def entries(filled: Filled, what: str) -> list[Any]:
    table = tables.trail
    with filled.store.read() as connection:
        found = select(table).where(table.c.what == what).order_by(table.c.seq)
        return list(connection.execute(found))


def refuse(filled: Filled, meaning: str = "approved", revision: int = 1) -> None:
    """Refute the first signal."""
    form = Form(revision, "refuted", note="an artefact", reason="artefact")
    act(filled.store, 1, ANN, form, signed=SIGNED, meaning=meaning, count=lambda connection, row: 7)


def begin(filled: Filled) -> None:
    form = Form(0, "under_validation", note="seen")
    act(filled.store, 1, ANN, form, signed=SIGNED, count=lambda connection, row: 7)


def test_what_is_signed_is_the_move_or_the_answer_to_a_proposal() -> None:
    assert asks_signature(Workflow("under_validation"), Form(to="refuted"), SIGNED)
    assert not asks_signature(Workflow("under_validation"), Form(to="validated"), SIGNED)
    assert not asks_signature(Workflow(), Form(note="so"), SIGNED)
    proposed = Workflow("under_validation", proposed="refuted", proposed_by="Ann")
    assert asks_signature(proposed, Form(to=DECLINE), SIGNED)
    assert not asks_signature(Workflow(), Form(to=DECLINE), SIGNED)


def test_a_move_that_is_signed_cannot_be_made_without_a_signature(filled: Filled) -> None:
    begin(filled)
    for meaning in ("", "perhaps"):
        with pytest.raises(InputError) as error:
            refuse(filled, meaning)
        assert error.value.code == "signature_missing"
    assert entries(filled, "signal_moved")[-1].after.find("refuted") < 0


def test_the_hash_of_a_signature_can_be_worked_out_by_hand(filled: Filled) -> None:
    begin(filled)
    refuse(filled)
    with filled.store.read() as connection:
        row = connection.execute(select(tables.acts).order_by(tables.acts.c.id.desc())).first()
        assert row is not None
        move = reports.moves(connection, 1, row.id)[-1]
    detail = json.loads(row.detail)
    signature = detail.pop("signature")
    assert signature["meaning"] == "approved"
    content = {
        "signal": {
            "id": 1,
            "dataset": "spontaneous",
            "product": "esketamine",
            "event": "Dissociation",
            "kind": "screening",
            "raised_position": 3,
        },
        "revision": 2,
        "position": 8,
        "who": "Ann",
        "role": "officer",
        "what": "moved",
        "from_state": "under_validation",
        "to_state": "refuted",
        "note": "an artefact",
        "detail": {"reason": "artefact"},
        "meaning": "approved",
        "rules": [["evans_prr", False, 3, 3], ["ic025", True, 3, 3], ["ror025", True, 3, 3]],
    }
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert signature["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    (entry,) = [one for one in entries(filled, "signal_moved") if one.seq == row.id]
    assert json.loads(entry.after)["signature"] == signature
    assert (move.signature, move.signature_sha256) == ("approved", signature["sha256"])


def checks(filled: Filled) -> list[bool]:
    with filled.store.read() as connection:
        return [check_acts(connection).holds, check_signatures(connection).holds]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE acts SET note = 'proven' WHERE revision = 2",
        "UPDATE acts SET position = 3 WHERE revision = 2",
        "UPDATE acts SET detail = replace(detail, 'artefact', 'known') WHERE revision = 2",
        "UPDATE acts SET detail = replace(detail, 'approved', 'reviewed') WHERE revision = 2",
        "UPDATE acts SET detail = replace(detail, 'true', 'false') WHERE revision = 2",
        "UPDATE acts SET detail = '{}' WHERE revision = 2",
        "UPDATE acts SET detail = '[' WHERE revision = 2",
        "UPDATE signals SET product = 'placebo' WHERE id = 1",
        "UPDATE signals SET event = 'Nausea' WHERE id = 1",
    ],
)
def test_what_was_signed_and_then_changed_is_named(filled: Filled, change: str) -> None:
    begin(filled)
    refuse(filled)
    assert checks(filled) == [True, True]
    with filled.store.read() as connection:
        good = check_signatures(connection)
        number = connection.scalars(
            select(tables.acts.c.id).where(tables.acts.c.revision == 2)
        ).one()
    assert good.figures == {"signatures": 1, "wrong": []}
    assert filled.settings.data is not None
    with sqlite3.connect(filled.settings.data / "store.db") as raw:
        raw.execute(change)
    raw.close()
    with filled.store.read() as connection:
        assert check_signatures(connection).figures["wrong"] == [f"act {number}"]


@pytest.mark.parametrize(
    ("viewer", "password", "meaning", "code"),
    [
        (ANN, PASSWORD, "", "meaning_missing"),
        (ANN, PASSWORD, "perhaps", "meaning_missing"),
        (ANN, "", "approved", "password_missing"),
        (ANN, "wrong horse battery", "approved", "wrong_password"),
        (Viewer("Eve", "officer", ""), "anything", "approved", "no_password"),
    ],
)
def test_who_cannot_sign_is_told_why(
    filled: Filled, viewer: Viewer, password: str, meaning: str, code: str
) -> None:
    with pytest.raises(InputError) as error:
        confirm(filled.store, viewer, password, meaning, HOST)
    assert error.value.code == code
    failed = entries(filled, "signature_failed")
    assert [row.who for row in failed] == (["Ann"] if code == "wrong_password" else [])


def test_wrong_passwords_at_a_signature_lock_the_account(filled: Filled) -> None:
    for _ in range(5):
        with pytest.raises(InputError, match="not your password"):
            confirm(filled.store, ANN, "wrong horse battery", "approved", HOST)
    with pytest.raises(InputError) as error:
        confirm(filled.store, ANN, PASSWORD, "approved", HOST)
    assert error.value.code == "signing_locked"
    assert [row.subject for row in entries(filled, "sign_in_locked")] == ["user Ann"]


def test_the_right_password_leaves_nothing_counted(filled: Filled) -> None:
    for _ in range(7):
        confirm(filled.store, ANN, PASSWORD, "approved", HOST)
    with filled.store.read() as connection:
        assert [row.failures for row in connection.execute(select(tables.attempts))] == [0]


def test_signatures_are_asked_for_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KETAVIGIL_SIGNED", "closed,refuted")
    settings = Settings.read(data=Path("d"))
    assert settings.signed == {"closed", "refuted"}
    assert settings.environment()["KETAVIGIL_SIGNED"] == "closed,refuted"
    monkeypatch.setenv("KETAVIGIL_SIGNED", "new")
    with pytest.raises(InputError) as error:
        Settings.read(data=Path("d"))
    assert error.value.code == "bad_signed"


@contextmanager
def officer(url: str, filled: Filled, name: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        assert client.post(people.create_link(filled.store, name)).status_code == 303
        yield client


def move(client: httpx.Client, to: str, **fields: str) -> httpx.Response:
    """The form of the page, filled in."""
    page = client.get("/signals/1").text
    hidden = ("csrf", "revision")
    given = {name: re.findall(rf'name="{name}" value="([^"]*)"', page)[-1] for name in hidden}
    return client.post("/signals/1/workflow", data=given | {"to": to, "note": "seen"} | fields)


def test_two_officers_sign_an_end_on_the_board_and_both_stand_in_the_history(
    filled: Filled,
) -> None:
    settings = replace(filled.settings, four_eyes=SIGNED, signed=SIGNED)
    with (
        running(create_web(settings)) as url,
        officer(url, filled, "Ann") as ann,
        officer(url, filled, "Bob") as bob,
    ):
        page = ann.get("/signals/1").text
        assert 'name="password"' not in page  # nothing that is signed leads from here
        assert move(ann, "under_validation").status_code == 303
        page = ann.get("/signals/1").text
        assert 'type="password" autocomplete="current-password"' in page
        assert "(where refuted)" in page
        unsigned = move(ann, "refuted", reason="known")
        assert unsigned.status_code == 422
        assert "say what your signature means" in unsigned.text
        wrong = move(ann, "refuted", reason="known", meaning="reviewed", password=PASSWORD[1:])
        assert wrong.status_code == 422
        assert "that is not your password; nothing was signed" in wrong.text
        assert PASSWORD[1:] not in wrong.text
        given = {"reason": "known", "meaning": "reviewed", "password": PASSWORD}
        assert move(ann, "refuted", **given).status_code == 303
        assert move(bob, "refuted").status_code == 422
        agreed = move(bob, "refuted", meaning="approved", password=PASSWORD)
        assert agreed.status_code == 303
        history = " ".join(bob.get("/signals/1").text.split())
    assert "Signed by Ann (officer) on <time" in history
    assert "meaning “reviewed”" in history
    assert "Signed by Bob (officer) on <time" in history
    assert "meaning “approved”" in history
    assert checks(filled) == [True, True]
    with filled.store.read() as connection:
        everything = str(connection.execute(select(tables.trail)).all())
        everything += str(connection.execute(select(tables.acts)).all())
    assert PASSWORD not in everything
    assert [row.who for row in entries(filled, "signature_failed")] == ["Ann"]


def test_what_is_not_signed_needs_no_password(filled: Filled) -> None:
    settings = replace(filled.settings, signed=SIGNED)
    with running(create_web(settings)) as url, officer(url, filled, "Eve") as eve:
        assert move(eve, "under_validation").status_code == 303
        refused = move(eve, "refuted", reason="known", meaning="approved", password="x")
        assert "ketavigil user password" in refused.text
        assert move(eve, "validated").status_code == 303


def test_a_password_that_is_given_anew_ends_the_sessions(filled: Filled) -> None:
    with running(create_web(filled.settings)) as url, officer(url, filled, "Eve") as eve:
        assert eve.get("/health").status_code == 200
        people.set_password(filled.store, "Eve", PASSWORD)
        assert eve.get("/health").status_code == 401
    confirm(filled.store, Viewer("Eve", "officer", ""), PASSWORD, "approved", HOST)
    (entry,) = entries(filled, "user_changed")
    assert (entry.subject, entry.before) == ("user Eve", '{"password":false}')
    for name, password, code in (
        ("Eve", "short", "weak_password"),
        ("No", PASSWORD, "no_such_user"),
    ):
        with pytest.raises(InputError) as error:
            people.set_password(filled.store, name, password)
        assert error.value.code == code
