"""A report as of a moment gone by is the one that was made then, to the byte."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from dashboards.reports.content import as_json, digest, read
from dashboards.reports.moment import resolve
from schemas.errors import InputError
from streams.store import tables
from tests.dashboards.followups import clinic
from tests.dashboards.reports.support import Told, background, cystitis, report, told


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    with told(tmp_path / "data", monkeypatch) as made:
        yield made


def begin(store: Told) -> None:
    """A background, and a signal of cystitis on the day after."""
    store.tell(background(1, 80))
    store.checkpoint()
    store.at += timedelta(days=1)
    store.tell(cystitis(100, 6))


STEPS = ("case", "case", "correct", "correct", "void", "repeat", "slip", "replay")


class Story:
    """Days of a registry at random: cases, corrections, nullifications, repeats, slips."""

    def __init__(self, store: Told, seed: int) -> None:
        self.store, self.random = store, random.Random(seed)
        self.sent = cystitis(100, 6)
        self.held: list[tuple[int, dict[str, object], object]] = []
        self.next, self.version = 300, 5

    def step(self) -> None:
        """Something happens."""
        store, chance = self.store, self.random
        store.at += timedelta(hours=chance.choice((1, 5, 30)))
        getattr(self, chance.choice(STEPS))()
        if chance.random() < 0.3:
            store.checkpoint()

    def number(self) -> int:
        """Of a version: later ones are mostly higher, and two may be the same."""
        self.version += self.random.choice((0, 1, 2))
        return self.version - self.random.choice((0, 0, 3))

    def case(self) -> None:
        product, event = self.random.choice(
            (("Spravato", "Cystitis"), ("Spravato", "Nausea"), ("lithium", "Cystitis"))
        )
        kind = self.random.choice(("spontaneous", "solicited"))
        body = report(self.next, product, event, report_type=kind, day="2026-02-27")
        self.next += 1
        self.sent.append(body)
        self.store.tell([body])

    def correct(self) -> None:
        body = self.random.choice(self.sent)
        reaction = {"term": self.random.choice(("Cystitis", "Dysuria")), "outcome": "fatal"}
        self.store.tell([body | {"version": self.random.randint(1, 4), "reactions": [reaction]}])

    def void(self) -> None:
        body = self.random.choice(self.sent)
        self.store.tell([body | {"version": self.number(), "status": "nullified"}])

    def repeat(self) -> None:
        self.store.tell([self.random.choice(self.sent)])

    def slip(self) -> None:
        body = self.random.choice(self.sent) | {"version": self.number(), "country": "IT"}
        self.store.tell([body], faults=(("too_small", "x", "not in order"),))
        with self.store.filled.store.read() as connection:
            number = connection.scalar(select(func.max(tables.records.c.id)))
        assert number is not None
        self.held.append((number, body, self.store.at))

    def replay(self) -> None:
        if self.held:
            number, body, at = self.held.pop(0)
            self.store.again(number, body, at)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_comes_later_a_report_of_a_position_is_the_one_made_then(
    store: Told, seed: int
) -> None:
    begin(store)
    story = Story(store, seed)
    then: dict[int, list[bytes]] = {}
    for _ in range(14):
        story.step()
        reports = [as_json(one) for one in store.all()]
        # what does not move the position changes no report
        assert then.setdefault(store.position, reports) == reports
    assert len(then) > 6
    for position, reports in then.items():
        assert [as_json(one) for one in store.all(str(position))] == reports


def test_the_cohort_of_a_position_is_the_one_of_then(store: Told) -> None:
    begin(store)
    half = clinic()
    cut = len(half) // 2
    store.tell(half[:cut], "followups")
    store.at += timedelta(days=1)
    store.checkpoint()
    position, before = store.position, [as_json(one) for one in store.all()]
    store.at += timedelta(days=1)
    store.tell(half[cut:], "followups")
    store.checkpoint()
    assert [as_json(one) for one in store.all(str(position))] == before
    assert [as_json(one) for one in store.all()] != before


def test_a_date_means_its_last_position_by_the_time_of_the_system(store: Told) -> None:
    begin(store)  # on the 1st and 2nd of March, of reports of February
    second = store.position
    store.at += timedelta(days=1)
    store.tell(cystitis(150, 1))
    third = store.position
    store.at += timedelta(days=1)
    assert store.made("2026-03-02").origin.position == second
    assert store.made("2026-03-03").origin.position == third
    assert as_json(store.made("2026-03-02")) == as_json(store.made(str(second)))


def test_the_same_report_has_the_same_bytes_and_its_hash_is_over_its_content(store: Told) -> None:
    begin(store)
    first, second = as_json(store.made()), as_json(store.made())
    assert first == second
    content = read(first)
    assert content["sha256"] == digest(content)
    assert content["id"] == f"signal-{store.signal()}-at-{store.position}"


def test_what_people_did_is_in_by_its_entry_of_the_trail(store: Told) -> None:
    begin(store)
    number, position = store.signal(), store.position
    plain = as_json(store.made())
    store.act(3, number, store.at + timedelta(hours=1), to="under_validation", note="looks odd")
    store.act(
        4,
        number,
        store.at + timedelta(hours=2),
        before="under_validation",
        to="refuted",
        note="known",
    )
    store.at += timedelta(days=1)
    found = {
        as_of: store.made(as_of) for as_of in (None, str(position), f"{position}.3", "2026-03-02")
    }
    said = {as_of: (one.id, one.subject.state, len(one.moves)) for as_of, one in found.items()}
    of = f"signal-{number}-at-{position}"
    assert said == {
        None: (f"{of}.4", "refuted", 2),
        # as it stood when the position had just been applied: to the byte what was made then
        str(position): (of, "new", 0),
        f"{position}.3": (f"{of}.3", "under_validation", 1),
        "2026-03-02": (f"{of}.4", "refuted", 2),
    }
    assert as_json(found[str(position)]) == plain
    assert [(m.entry, m.who, m.before, m.after, m.note) for m in found[None].moves] == [
        (3, "A. Officer", "new", "under_validation", "looks odd"),
        (4, "A. Officer", "under_validation", "refuted", "known"),
    ]
    assert found[None].origin.trail == 4


@pytest.mark.parametrize(
    ("as_of", "code"),
    [
        ("999", "position_ahead"),
        ("1.99", "position_ahead"),
        ("soon", "bad_as_of"),
        ("2026-13-01", "bad_as_of"),
        ("2026-03-02", "day_not_over"),
        ("2027-01-01", "day_not_over"),
        ("2026-02-28", "nothing_then"),
    ],
)
def test_a_moment_that_cannot_be_told_is_refused(store: Told, as_of: str, code: str) -> None:
    begin(store)
    with store.filled.store.read() as connection, pytest.raises(InputError) as error:
        resolve(connection, as_of, today=date(2026, 3, 2))
    assert error.value.code == code


def test_a_signal_that_had_not_been_raised_by_then_has_no_report(store: Told) -> None:
    begin(store)
    with pytest.raises(InputError) as error:
        store.made("0")
    assert error.value.code == "no_such_signal"


def test_nothing_was_counted_in_an_empty_store(store: Told) -> None:
    with store.filled.store.read() as connection, pytest.raises(InputError) as error:
        resolve(connection, None, today=date(2026, 3, 2))
    assert error.value.code == "nothing_then"
