"""The periodic report: signals new, ongoing and closed, and what came in of every watched pair."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from dashboards.reports.checking import check
from dashboards.reports.document import Table
from dashboards.reports.formats import rendered
from dashboards.reports.periodic import periodic
from dashboards.reports.periodic_document import MOST, document
from dashboards.reports.periodic_model import Periodic
from schemas.errors import InputError
from tests.dashboards.reports.support import Told, background, cystitis, report, told

TODAY = date(2026, 6, 1)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """On the 1st of March others, on the 2nd cystitis, on the 3rd nausea and two cases more."""
    with told(tmp_path / "data", monkeypatch) as made:
        made.tell(background(1, 80))
        made.at += timedelta(days=1)
        made.tell(cystitis(100, 4))
        made.at += timedelta(days=1)
        made.tell(
            [
                report(200 + i, "Spravato", "Dizziness", patient={"age_years": 12 + 60 * (i % 2)})
                for i in range(5)
            ]
        )
        fatal = cystitis(110, 2)
        fatal[0]["reactions"][0]["outcome"] = "fatal"
        made.tell(fatal)
        made.tell([cystitis(100, 1)[0] | {"version": 2, "country": "IT"}])
        made.at += timedelta(days=1)
        made.tell(cystitis(120, 1))
        yield made


def made(store: Told, first: str, last: str) -> Periodic:
    with store.filled.store.read() as connection:
        days = (date.fromisoformat(first), date.fromisoformat(last))
        return periodic(connection, *days, store.setting, today=TODAY)


def test_signals_are_new_in_their_interval_and_ongoing_after_it(store: Told) -> None:
    of = {
        day: {(s.kind, s.event): s.status for s in made(store, day, day).signals}
        for day in ("2026-03-01", "2026-03-02", "2026-03-03")
    }
    assert of["2026-03-01"] == {}
    assert of["2026-03-02"]["screening", "Cystitis"] == "new"
    assert of["2026-03-03"]["screening", "Cystitis"] == "ongoing"
    assert of["2026-03-03"]["screening", "Dizziness"] == "new"


def test_a_signal_that_a_person_closed_is_closed_in_its_interval_and_gone_after(
    store: Told,
) -> None:
    number = store.signal()
    # after the last change of the day
    store.act(7, number, datetime(2026, 3, 3, 23, 59, tzinfo=UTC), to="closed", note="in the label")
    (open_,) = (s for s in made(store, "2026-03-02", "2026-03-02").signals if s.number == number)
    assert (open_.status, open_.state) == ("new", "new")
    (held,) = (s for s in made(store, "2026-03-03", "2026-03-03").signals if s.number == number)
    assert (held.status, held.state, held.action) == ("closed", "closed", "in the label")
    after = made(store, "2026-03-04", "2026-03-04")
    assert number not in {s.number for s in after.signals}


def test_cases_are_new_where_they_did_not_stand_in_the_pair_before(store: Told) -> None:
    found = made(store, "2026-03-03", "2026-03-03")
    rows = {(r.product, r.event): r for r in found.reactions}
    cystitis_ = rows["esketamine", "Cystitis"]
    # the corrected case is not new
    assert (cystitis_.n, cystitis_.n_new) == (6, 2)
    assert (cystitis_.fatal, cystitis_.fatal_new) == (1, 1)
    # two of the first four and one of the two, and the fatal one
    assert (cystitis_.serious, cystitis_.serious_new) == (4, 2)
    assert (cystitis_.listed, cystitis_.designated) == (True, False)
    dizzy = rows["esketamine", "Dizziness"]
    assert (dizzy.n, dizzy.n_new) == (5, 5)
    assert (dizzy.children, dizzy.old) == (3, 2)
    assert (dizzy.n_product, dizzy.n_event, dizzy.n_total) == (11, 5, 91)
    assert (found.cases, found.cases_before) == (91, 84)


def test_what_is_disproportionate_now_and_was_not_before_is_told_apart(store: Told) -> None:
    first = {r.event: r for r in made(store, "2026-03-02", "2026-03-02").reactions}["Cystitis"]
    assert (first.n, first.ror, first.disproportionate) == (4, None, False)  # b is 0
    later = {r.event: r for r in made(store, "2026-03-03", "2026-03-03").reactions}["Cystitis"]
    assert later.ror == pytest.approx(6 * 76 / (5 * 4))
    assert (later.disproportionate, later.before) == (True, False)
    last = {r.event: r for r in made(store, "2026-03-04", "2026-03-04").reactions}["Cystitis"]
    assert (last.disproportionate, last.before) == (True, True)


@pytest.mark.parametrize("form", ["json", "csv", "html", "pdf"])
def test_it_is_made_again_to_the_byte_whatever_comes_later(store: Told, form: str) -> None:
    before = rendered(made(store, "2026-03-02", "2026-03-03"), form)
    store.at += timedelta(days=1)
    store.tell(cystitis(130, 3))
    store.checkpoint()
    assert rendered(made(store, "2026-03-02", "2026-03-03"), form) == before
    with store.filled.store.read() as connection:
        assert check(connection, form, before, store.setting, today=TODAY).differences == ()


def test_a_number_changed_in_it_is_named(store: Told) -> None:
    content = json.loads(rendered(made(store, "2026-03-02", "2026-03-03"), "json"))
    content["reactions"][0]["n_new"] += 1
    content["first_day"] = "2026-03-01"
    with store.filled.store.read() as connection:
        data = json.dumps(content).encode()
        found = check(connection, "json", data, store.setting, today=TODAY)
    assert [one.path for one in found.differences] == ["first_day", "reactions[0].n_new"]


def test_of_very_many_events_the_pages_have_those_with_the_most_new_cases(store: Told) -> None:
    given = made(store, "2026-03-03", "2026-03-03")
    one = given.reactions[0]
    many = tuple(
        msgspec.structs.replace(one, event=f"Event {i}", n_new=i) for i in range(MOST + 10)
    )
    (shown,) = document(msgspec.structs.replace(given, reactions=many)).sections[-1].blocks
    assert isinstance(shown, Table)
    assert shown.rows[0][0] == f"Event {MOST + 9}"
    assert len(shown.rows) == MOST
    assert shown.note.startswith("10 more events")


def test_the_csv_has_every_value_by_its_path(store: Told) -> None:
    rows = dict(
        csv.reader(io.StringIO(rendered(made(store, "2026-03-03", "2026-03-03"), "csv").decode()))
    )
    assert rows["path"] == "value"
    assert rows["reactions[0].event"] == "Cystitis"
    assert rows["reactions[0].n_new"] == "2"


@pytest.mark.parametrize(
    ("first", "last", "code"),
    [
        ("2026-03-03", "2026-03-02", "bad_interval"),
        ("2026-03-01", "2026-06-01", "day_not_over"),
        ("2026-01-01", "2026-02-01", "nothing_then"),
    ],
)
def test_an_interval_that_cannot_be_told_is_refused(
    store: Told, first: str, last: str, code: str
) -> None:
    with pytest.raises(InputError) as error:
        made(store, first, last)
    assert error.value.code == code
