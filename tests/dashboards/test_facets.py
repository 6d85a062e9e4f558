"""Route, setting, phase, indication, region: what cases say, and signals are found by."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest

from dashboards import people
from dashboards.facets import FACETS, Facets
from dashboards.web import create_web
from schemas.vocabulary import Vocabulary, Watchlist
from streams.privacy.finding import Subject
from tests.dashboards.board.conftest import Board
from tests.dashboards.board.test_inbox import events
from tests.dashboards.reports.support import Record, Told, background, report, told
from tests.dashboards.reports.test_erased import erase
from tests.streams.gateway.serving import running

VOCABULARY = Vocabulary.load()
HOME = {"route": "sublingual", "setting": "home", "phase": "maintenance", "indication": "TRD"}
CLINIC = {"route": "intravenous", "setting": "clinic", "phase": "induction", "indication": "Pain"}


def given(first: int, count: int, where: dict[str, Any], event: str, **more: Any) -> list[Record]:
    return [report(first + i, "Ketamine", event, given=where, **more) for i in range(count)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The last two tests alone change it, each other cases."""
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        told(tmp_path_factory.mktemp("facets") / "data", monkeypatch) as made,
    ):
        made.tell(background(1, 200))
        made.tell(given(300, 4, HOME, "Cystitis", country="CH"))
        made.tell(given(310, 4, CLINIC, "Dissociation", country="US"))
        made.tell(given(320, 1, CLINIC | {"indication": "J.D., a vet"}, "Dissociation"))
        made.checkpoint()
        yield made


def facets(store: Told) -> Facets:
    made = Facets(VOCABULARY, Watchlist.load(None, VOCABULARY))
    with store.filled.store.read() as connection:
        made.read(connection)
    return made


def test_a_pair_has_what_its_cases_say_and_no_text_of_one_person(store: Told) -> None:
    made = facets(store)
    assert made.of(("spontaneous", "ketamine", "Cystitis")) == {
        "route": ("sublingual",),
        "setting": ("home",),
        "phase": ("maintenance",),
        "indication": ("TRD",),
        "region": ("CH",),
    }
    found = made.of(("spontaneous", "ketamine", "Dissociation"))
    assert found["indication"] == ("Pain",)
    assert found["region"] == ("DE", "US")
    assert made.of(("spontaneous", "ketamine", "Nothing")) == dict.fromkeys(FACETS, ())


@pytest.fixture(scope="module")
def board(store: Told) -> Iterator[Board]:
    people.create_user(store.filled.store, "Anna", "officer")
    with running(create_web(store.settings)) as url:
        yield Board(url, store.filled)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("route=sublingual", {"Cystitis", "Urinary (group of terms)"}),
        ("setting=clinic&route=sublingual", set()),
        ("phase=maintenance", {"Cystitis", "Urinary (group of terms)"}),
        ("indication=TRD&region=CH", {"Cystitis", "Urinary (group of terms)"}),
        ("indication=TRD&region=US", set()),
        ("group=urinary&setting=home", {"Cystitis", "Urinary (group of terms)"}),
    ],
)
def test_the_inbox_is_filtered_by_what_cases_say(board: Board, query: str, found: set[str]) -> None:
    assert set(events(board.get(f"/?{query}"))) == found


def test_an_export_says_of_which_moment_it_is_and_by_which_filters(board: Board) -> None:
    rows = list(csv.reader(io.StringIO(board.get("/inbox.csv?route=sublingual&owner=nobody"))))
    head = {row[0]: row[1:] for row in rows if row[0].startswith("#")}
    assert head["# filter route"] == ["sublingual"]
    assert head["# filter owner"] == ["nobody"]
    body = [row for row in rows if not row[0].startswith("#")]
    lines = [dict(zip(body[0], row, strict=True)) for row in body[1:]]
    whole = list(csv.reader(io.StringIO(board.get("/inbox.csv"))))
    assert ["# filter", "none"] in whole
    of_all = sum(not row[0].startswith("#") for row in whole) - 1
    assert head["# signals"] == [str(len(lines)), f"of {of_all}"]
    assert {line["event"] for line in lines} == {"Cystitis", "group:urinary"}
    assert all(line["n"] == "4" and line["state"] == "new" for line in lines)
    link = 'href="/inbox.csv?route=sublingual"'
    assert link in board.get("/?route=sublingual")


def test_a_case_that_says_otherwise_later_is_found_by_what_it_says_now(store: Told) -> None:
    made = facets(store)
    moved = given(300, 4, CLINIC, "Cystitis", country="FR", version=2)
    gone = given(310, 4, CLINIC, "Dissociation", version=2, status="nullified")
    store.tell(moved + gone)
    with store.filled.store.read() as connection:
        made.read(connection)
    assert made.of(("spontaneous", "ketamine", "Cystitis"))["region"] == ("FR",)
    assert made.of(("spontaneous", "ketamine", "Cystitis"))["route"] == ("intravenous",)
    assert made.of(("spontaneous", "ketamine @home", "Cystitis"))["route"] == ()
    assert made.of(("spontaneous", "ketamine", "Dissociation"))["region"] == ("DE",)
    again = facets(store)
    for pair in (("spontaneous", "ketamine", "Cystitis"), ("spontaneous", "ketamine", "Nausea")):
        assert again.of(pair) == made.of(pair)


def test_a_case_that_was_erased_keeps_what_was_counted_of_it_and_says_no_more(store: Told) -> None:
    """The route stands among the facts that count; indication and region are gone with the body."""
    pair = ("spontaneous", "ketamine", "Haematuria")
    store.tell(given(400, 4, CLINIC, "Haematuria", country="FR"))
    assert facets(store).of(pair)["region"] == ("FR",)
    for number in range(400, 404):
        erase(store, Subject("report", "clinic-a", f"clinic-a/{number}"))
    found = facets(store).of(pair)
    assert (found["route"], found["indication"], found["region"]) == (("intravenous",), (), ())
