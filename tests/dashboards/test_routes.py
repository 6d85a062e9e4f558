"""Every route of the web process, asked by every role and by nobody, against one table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from dashboards import people
from dashboards.access import HEADERS, TABLE
from dashboards.web import create_web
from schemas.errors import InputError
from streams.gateway.keys import create_key
from streams.store import tables
from tests.dashboards.followups import clinic, detect, follow
from tests.dashboards.support import Filled, fill
from tests.streams.gateway.serving import running

# who may, by the letters of WHO
_OPEN, _KEY, _SIGNED_IN, _PATIENTS, _NARRATIVES, _OFFICER, _OVERSIGHT, _ADMIN = (
    "NKEFOoRrpAa",
    "K",
    "OoRrpAa",
    "OoRA",
    "o",
    "Oo",
    "OoAa",
    "Aa",
)
WHO = {
    "N": "nobody",
    "K": "a key",
    "E": "an expired key",
    "F": "a key of a role that pushes nothing",
    "O": "officer",
    "o": "officer with narratives",
    "r": "regulator",
    "R": "regulator with patient level",
    "p": "regulator with narratives and no patient level",
    "a": "admin",
    "A": "admin with patient level",
}
EXPECTED = {
    "/healthz": _OPEN,
    "/readyz": _OPEN,
    "/metrics": _OPEN,
    "/metrics/parts": _OPEN,
    "/static": _OPEN,
    "/sign-in": _OPEN,
    "/language": _OPEN,
    "/sign-in/oidc": _OPEN,
    "/sign-in/oidc/answer": _OPEN,
    "/sign-in/{token}": _OPEN,
    "/v1/openapi.json": _OPEN,
    "/v1/reports": _KEY,
    "/v1/followups": _KEY,
    "/v1/receipts/{receipt_id}": _KEY,
    "/sign-out": _SIGNED_IN,
    "/": _SIGNED_IN,
    "/events": _SIGNED_IN,
    "/inbox/events": _SIGNED_IN,
    "/silence": _SIGNED_IN,
    "/silence.csv": _SIGNED_IN,
    "/inbox.csv": _SIGNED_IN,
    "/cohort": _SIGNED_IN,
    "/cohort/{event:path}": _SIGNED_IN,
    "/health": _SIGNED_IN,
    "/self-test": _SIGNED_IN,
    "/signals": _SIGNED_IN,
    "/signals/{number:int}": _SIGNED_IN,
    "/signals/{number:int}/depth": _SIGNED_IN,
    "/signals/{number:int}/events": _SIGNED_IN,
    "/signals/{number:int}/workflow": _OFFICER,
    "/signals/{number:int}/workflow/now": _SIGNED_IN,
    "/decisions": _SIGNED_IN,
    "/signals/{number:int}/looks.csv": _SIGNED_IN,
    "/demo": _SIGNED_IN,
    "/v1/signals": _SIGNED_IN,
    "/v1/signals/{number:int}": _SIGNED_IN,
    "/v1/signals/{number:int}/report": _SIGNED_IN,
    "/cases/{number:int}": _PATIENTS,
    "/cases/{number:int}/narrative": _NARRATIVES,
    "/courses": _PATIENTS,
    "/courses/{number:int}": _PATIENTS,
    "/signals/{number:int}/cases.csv": _PATIENTS,
    "/trail": _OVERSIGHT,
    "/trail/heads.ndjson": _OVERSIGHT,
    "/health/replay": _OVERSIGHT,
    "/accounts": _ADMIN,
    "/accounts/unlock": _ADMIN,
}
_REFUSED = {401, 403}


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    """A deployment with three signals."""
    made = Filled(tmp_path)
    fill(made)
    yield made
    made.close()


@pytest.fixture
def app(filled: Filled) -> Starlette:
    """Its web process, as a demo has it: with every route there is."""
    assert filled.settings.data
    return create_web(filled.settings, demo=filled.settings.data / "demo.json")


@pytest.fixture
def url(app: Starlette) -> Iterator[str]:
    """Its address."""
    with running(app) as found:
        yield found


def patterns(app: Starlette) -> dict[str, set[str]]:
    """Every route with the methods that it takes."""
    found: dict[str, set[str]] = {}
    for route in app.routes:
        assert isinstance(route, (Route, Mount)), "a route of a kind that this test does not know"
        methods = route.methods if isinstance(route, Route) else None
        found.setdefault(route.path, set()).update(methods or {"GET"})
    return found


def client_of(who: str, url: str, filled: Filled) -> tuple[httpx.Client, dict[str, str]]:
    """Somebody, and the fields that each form of theirs sends."""
    client = httpx.Client(base_url=url, trust_env=False, timeout=20)
    if who in "KEF":
        key = create_key(filled.store, "clinic-a", "officer" if who == "F" else "registry", days=1)
        client.headers["authorization"] = f"Bearer {key}"
        if who == "E":
            over = update(tables.keys).where(tables.keys.c.role == "registry")
            with filled.store.write() as connection:
                connection.execute(over.values(expires_at=1.0))
    if who in "NKEF":
        return client, {}
    role: Any = WHO[who].split()[0]
    name = f"somebody {who}"
    if name not in {user.name for user in people.list_users(filled.store)}:
        people.create_user(filled.store, name, role, patient_level=who in "RA")
        if who in "op":
            people.grant(filled.store, name, narratives=True, why="assesses cases")
    assert client.post(people.create_link(filled.store, name)).status_code == 303
    (csrf,) = set(re.findall(r'name="csrf" value="([0-9a-f]{64})"', client.get("/health").text))
    return client, {"csrf": csrf}


def asked(client: httpx.Client, method: str, path: str, form: dict[str, str]) -> int:
    """The status of an answer, which is not read to its end: some have none."""
    data = form if method not in ("GET", "HEAD", "OPTIONS") else None
    with client.stream(method, path, data=data) as answer:
        missing = HEADERS.keys() - answer.headers.keys()
        assert not missing, f"{method} {path} is answered without {missing}"
        return answer.status_code


def test_the_two_tables_and_the_routes_name_the_same(app: Starlette, url: str) -> None:
    assert set(patterns(app)) == set(TABLE)
    assert set(EXPECTED) == set(TABLE)


@pytest.mark.parametrize("who", list(WHO), ids=WHO.get)
def test_each_route_answers_those_who_may_and_nobody_else(
    app: Starlette, url: str, filled: Filled, who: str
) -> None:
    client, form = client_of(who, url, filled)
    wrong = []
    for pattern, methods in patterns(app).items():
        path = re.sub(r"\{[^}]*\}", "1", pattern) + "/board.css" * (pattern == "/static")
        for method in sorted(methods):
            if pattern == "/sign-out" and method == "POST":
                fresh, own = client_of(who, url, filled)  # it ends the session it is asked with
                status = asked(fresh, method, path, own)
                fresh.close()
            else:
                status = asked(client, method, path, form)
            may = who in EXPECTED[pattern]
            # a wrong password too is answered by 401
            refused = status in _REFUSED and not (pattern == "/sign-in" and method == "POST")
            if may == refused or status >= 500:
                wrong.append(f"{method} {pattern}: {status}")
    client.close()
    assert wrong == []


@pytest.mark.parametrize("who", ["O", "o", "r", "R", "a", "A"], ids=WHO.get)
def test_no_form_that_changes_something_passes_without_its_token(
    app: Starlette, url: str, filled: Filled, who: str
) -> None:
    client, form = client_of(who, url, filled)
    forms = [
        pattern
        for pattern, methods in patterns(app).items()
        if "POST" in methods and who in EXPECTED[pattern] and "N" not in EXPECTED[pattern]
    ]
    assert "/sign-out" in forms
    for pattern in forms:
        path = re.sub(r"\{[^}]*\}", "1", pattern)
        assert client.post(path, data={}).status_code == 403
        assert client.post(path, data={"csrf": "0" * 64}).status_code == 403
        elsewhere = {"origin": "https://elsewhere.example"}
        assert client.post(path, data=form, headers=elsewhere).status_code == 403
    client.close()


def pages_of(who: str, url: str, filled: Filled, *paths: str) -> list[str]:
    client, _ = client_of(who, url, filled)
    answers = [client.get(path) for path in paths]
    client.close()
    assert [answer.status_code for answer in answers] == [200] * len(paths)
    return [answer.text for answer in answers]


@pytest.mark.parametrize("who", ["r", "a"], ids=WHO.get)
def test_who_has_no_grant_sees_what_explains_a_signal_and_no_row_of_a_patient(
    url: str, filled: Filled, who: str
) -> None:
    (signal,) = pages_of(who, url, filled, "/signals/1")  # detect would score what has no change
    follow(filled, clinic())
    detect(filled)
    table = tables.signals
    urgent = (table.c.dataset == "cohort") & (table.c.kind == "case_review")
    with filled.store.read() as connection:
        number = connection.scalars(select(table.c.id).where(urgent)).first()
    reviewed, health = pages_of(who, url, filled, f"/signals/{number}", "/health")
    assert "= (7 / 27) / (30 / 9673) = 83.59" in signal
    assert "rows of single patients are not shown to this account" in signal
    for text in ("A-2", "clinic-a", "p-2", "e-5", "registry-a"):
        assert text not in signal + reviewed
    assert "1 course has one." in " ".join(reviewed.split())
    assert "Q-" not in health
    for page in (signal, reviewed, health):
        assert 'href="/courses' not in page


def test_an_officer_sees_the_rows_and_the_trail_has_who_read_them(url: str, filled: Filled) -> None:
    follow(filled, clinic())
    paths = ("/signals/1", "/signals/1/cases.csv", "/courses", "/courses/1", "/health")
    signal, listing, courses, course, health = pages_of("O", url, filled, *paths)
    assert "A-2" in signal
    assert "A-2" in listing
    assert "e-5" in courses
    assert "e-0" in course
    assert "Q-" in health
    table = tables.trail
    with filled.store.read() as connection:
        rows = connection.execute(
            select(table).where(table.c.what == "patient_rows_read").order_by(table.c.seq)
        ).all()
    assert {(row.who, row.role) for row in rows} == {("somebody O", "officer")}
    assert [(row.subject, row.after) for row in rows] == [
        ("signal 1", '{"n":7,"rows":"cases"}'),
        ("signal 1", '{"n":7,"rows":"cases as CSV"}'),
        ("courses", '{"n":22,"rows":"courses"}'),
        ("course 1", '{"n":17,"rows":"records"}'),
    ]


def test_a_grant_is_given_and_taken_back(url: str, filled: Filled) -> None:
    client, _ = client_of("r", url, filled)
    assert client.get("/courses").status_code == 403
    people.grant(filled.store, "somebody r", patient_level=True)
    assert client.get("/courses").status_code == 200
    people.grant(filled.store, "somebody r", patient_level=False)
    assert client.get("/courses").status_code == 403
    with pytest.raises(InputError) as error:
        people.grant(filled.store, "somebody else", patient_level=True)
    assert error.value.code == "no_such_user"
    client.close()
