"""Signals and reports over HTTP: for those who are signed in, and for nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from dashboards import people
from dashboards.reports.content import read
from dashboards.reports.formats import rendered
from dashboards.web import create_web
from streams.gateway.limits import Limits
from streams.gateway.openapi import document
from streams.store import tables
from tests.dashboards.reports.support import Told, background, cystitis, report, told
from tests.streams.gateway.serving import running


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        told(tmp_path_factory.mktemp("web") / "data", monkeypatch) as made,
    ):
        made.tell(background(1, 80))
        made.at += timedelta(days=1)
        made.tell(cystitis(100, 6) + [report(200 + i, "Spravato", "Dizziness") for i in range(5)])
        made.at += timedelta(days=1)
        made.tell(cystitis(110, 2))
        yield made


@pytest.fixture(scope="module")
def url(store: Told) -> Iterator[str]:
    with running(create_web(store.settings)) as found:
        yield found


@pytest.fixture
def client(store: Told, url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as made:
        assert made.post(people.create_link(store.filled.store, "Ann")).status_code == 303
        yield made


def test_signals_are_listed_in_parts(store: Told, client: httpx.Client) -> None:
    first = client.get("/v1/signals?limit=1").json()
    assert [one["id"] for one in first["signals"]] == [1]
    rest = client.get(f"/v1/signals?after={first['next']}").json()
    assert rest["next"] is None
    assert {"Cystitis", "Dizziness"} <= {one["event"] for one in first["signals"] + rest["signals"]}
    one = next(s for s in first["signals"] + rest["signals"] if s["id"] == store.signal())
    assert (one["dataset"], one["product"], one["event"]) == (
        "spontaneous",
        "esketamine",
        "Cystitis",
    )
    assert one["state"] == "new"
    assert set(one) == set(document(Limits())["components"]["schemas"]["Signal"]["required"])
    assert {rule["rule"] for rule in one["rules"] if rule["holds"]} >= {"ic025", "evans_prr"}


def test_one_signal_has_its_score_its_history_and_where_its_reports_are(
    store: Told, client: httpx.Client
) -> None:
    found = client.get(f"/v1/signals/{store.signal()}").json()
    assert found["score"]["n"] == 8
    assert found["history"][0]["what"] == "first_held"
    for name, address in found["reports"].items():
        answer = client.get(address)
        assert answer.status_code == 200
        assert name in answer.headers["content-type"] or name == "csv"


@pytest.mark.parametrize("form", ["html", "pdf", "json", "csv"])
def test_a_report_is_the_one_that_the_command_writes(
    store: Told, client: httpx.Client, form: str
) -> None:
    number = store.signal()
    answer = client.get(f"/v1/signals/{number}/report?format={form}&as_of=1")
    made = store.made("1")
    assert answer.content == rendered(made, form)
    assert f'filename="{made.id}.{form}"' in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"


def test_without_a_moment_it_is_the_one_of_now(store: Told, client: httpx.Client) -> None:
    content = read(client.get(f"/v1/signals/{store.signal()}/report?format=json").content)
    assert content["origin"]["position"] == store.position


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/signals/99", 404, "no_such_signal"),
        ("/v1/signals/99/report", 404, "no_such_signal"),
        ("/v1/signals/1/report?format=docx", 400, "no_such_format"),
        ("/v1/signals/1/report?as_of=soon", 400, "bad_as_of"),
        ("/v1/signals/1/report?as_of=999", 404, "position_ahead"),
        ("/v1/signals/1/report?as_of=2999-01-01", 404, "day_not_over"),
        (f"/v1/signals/{'9' * 18}", 404, "no_such_signal"),
        (f"/v1/signals/{2**63}", 404, "no_such_route"),
        ("/v1/signals?limit=0x", 400, "bad_parameter"),
        ("/v1/signals?limit=501", 400, "bad_parameter"),
        ("/v1/signals?after=-1", 400, "bad_parameter"),
    ],
)
def test_what_is_not_there_or_makes_no_sense_is_refused(
    client: httpx.Client, path: str, status: int, code: str
) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("path", ["/signals/", "/courses/"])
def test_a_number_that_no_row_can_have_is_no_page(client: httpx.Client, path: str) -> None:
    assert client.get(f"{path}{2**63}").status_code == 404


@pytest.mark.parametrize("path", ["/v1/signals", "/v1/signals/1", "/v1/signals/1/report"])
def test_nobody_reads_them_without_signing_in(url: str, path: str) -> None:
    with httpx.Client(base_url=url, trust_env=False) as stranger:
        answer = stranger.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_first")
        key = {"authorization": "Bearer something"}
        assert stranger.get(path, headers=key).status_code == 401


def test_the_page_of_a_signal_links_to_its_report_of_that_moment(
    store: Told, client: httpx.Client
) -> None:
    page = client.get(f"/signals/{store.signal()}").text
    for form in ("html", "pdf", "json", "csv"):
        address = f"/v1/signals/{store.signal()}/report?format={form}"
        assert f'href="{address}"' in page


def test_a_regulator_reads_the_report_without_its_cases_until_it_is_granted(
    store: Told, url: str
) -> None:
    filled, path = store.filled, f"/v1/signals/{store.signal()}/report?format="
    people.create_user(filled.store, "Rex", "regulator")

    def readings() -> list[str]:
        table = tables.trail
        mine = (table.c.who == "Rex") & (table.c.what == "patient_rows_read")
        with filled.store.read() as connection:
            return list(connection.scalars(select(table.c.after).where(mine)))

    with httpx.Client(base_url=url, trust_env=False, timeout=30) as rex:
        assert rex.post(people.create_link(filled.store, "Rex")).status_code == 303
        texts = {form: rex.get(path + form).text for form in ("json", "csv", "html")}
        counted = read(texts["json"].encode())
        assert readings() == []
        people.grant(filled.store, "Rex", patient_level=True)
        listed = read(rex.get(path + "json").content)
    assert counted["id"] == listed["id"] + "-without-cases"
    assert len(listed["cases"]) == 8
    for case in listed["cases"]:
        for text in texts.values():
            assert case["report_id"] not in text
    left_out = {"id", "cases", "sha256"}
    for name in listed.keys() - left_out:
        assert counted[name] == listed[name]
    assert readings() == ['{"n":8,"rows":"report"}']
