"""Sequential evidence in the live system: looks of a day, and what they confirm."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from sqlalchemy import select, update

from detectors.dating import History
from detectors.evidence import corrected
from detectors.sequential import two_sample_late
from detectors.sequential.family import needed
from detectors.sequential.two_sample import Look
from schemas.envelope import (
    IMPORT_ENDED,
    VERSION,
    Change,
    Changes,
    CodedEvent,
    CodedProduct,
)
from streams.agents import detector as module
from streams.agents.configuration import Configuration
from streams.agents.detector import Detector
from streams.agents.verification import check_looks
from streams.settings import Settings
from streams.store import tables
from streams.store.store import Store, bind_log, open_store

LOG = "the log of this test"
FIRST = date(2026, 3, 1)
DAY = FIRST.toordinal()
MIDNIGHT = (DAY - date(1970, 1, 1).toordinal()) * 86_400.0
NOON = 43_200.0

FAMILY = """
name = "test"
opened = "2026-02-01"
alpha = 0.05
margin = 1.25
events = ["Cystitis", "Nausea"]
groups = ["urinary"]
"""
WATCHLIST = 'products = ["ketamine", "esketamine"]'


class Clock:
    """Days and hours of a test, as the detector sees them."""

    def __init__(self) -> None:
        self.at = MIDNIGHT

    def day(self, day: int, hour: float = 12.0) -> float:
        """Go to an hour of a day, counted from the first."""
        self.at = MIDNIGHT + day * 86_400 + hour * 3_600
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    fake = SimpleNamespace(time=lambda: made.at, monotonic=lambda: 0.0)
    monkeypatch.setattr(module, "time", fake)
    return made


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return configured(tmp_path)


def configured(folder: Path, family: str = FAMILY, watchlist: str = WATCHLIST) -> Configuration:
    (folder / "family.toml").write_text(family)
    (folder / "watchlist.toml").write_text(watchlist)
    settings = Settings(family=folder / "family.toml", watchlist=folder / "watchlist.toml")
    return Configuration.load(settings)


def made(url: str) -> Store:
    opened = open_store(url)
    with opened.write() as connection:
        bind_log(connection, "detect", LOG, {("changes", 0): 10**6})
    return opened


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    opened = made(store_url)
    yield opened
    opened.close()


def case(
    number: int,
    products: str | Sequence[str],
    events: str | Sequence[str],
    *,
    day: int = 0,
    revision: int = 1,
    imported: int | None = None,
    hour: float = 10.0,
    **more: Any,
) -> Change:
    """A case taken at an hour of a day; or imported on a day, its sender had it on the other."""
    named = (products,) if isinstance(products, str) else products
    terms = (events,) if isinstance(events, str) else events
    groups = {"Cystitis": ("urinary",), "Dysuria": ("urinary",)}
    return Change(
        "case",
        case_id=number,
        revision=revision,
        products=tuple(CodedProduct(name, "suspect", DAY + day) for name in named),
        events=tuple(CodedEvent(term, DAY + day, groups.get(term, ())) for term in terms),
        origin="push" if imported is None else "import",
        taken_at=MIDNIGHT + (day if imported is None else imported) * 86_400 + hour * 3_600,
        **more,
    )


def apply(one: Detector, position: int, *changes: Change) -> None:
    one.apply([(position, Changes(VERSION, changes))])


def demand(reason: str = "test") -> Change:
    return Change("checkpoint", reason=reason)


def rows(store: Store, table: Any) -> list[Any]:
    with store.read() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key)).all())


def looks(store: Store) -> dict[int, int | None]:
    """Each look's day, from the first, and the position at which it closed."""
    return {
        date.fromisoformat(row.day).toordinal() - DAY: row.closed_position
        for row in rows(store, tables.looks)
    }


def counts(store: Store, day: int) -> dict[tuple[str, str], int]:
    name = date.fromordinal(DAY + day).isoformat()
    return {
        (row.product, row.event): row.n
        for row in rows(store, tables.look_counts)
        if row.day == name
    }


def kinds(store: Store, kind: str) -> list[Any]:
    return [row for row in rows(store, tables.signals) if row.kind == kind]


def consistent(store: Store) -> None:
    with store.read() as connection:
        found = check_looks(connection)
    assert found.holds, found.figures


def test_the_looks_of_a_dozen_cases_add_up_by_hand(
    store: Store, clock: Clock, configuration: Configuration
) -> None:
    one = Detector(store, configuration, LOG)
    clock.day(0)
    apply(
        one,
        0,
        case(1, "ketamine", "Cystitis"),
        case(2, ("ketamine", "OTHER"), ("Cystitis", "Dysuria")),
        case(3, "ketamine", "Cough"),
        case(4, "OTHER", "Nausea"),
        case(5, "OTHER", ("Nausea", "Cystitis")),
        case(6, "OTHER", "Cough"),
        case(7, "esketamine", "Nausea"),
    )
    clock.day(1)
    apply(
        one,
        1,
        # the same pair in a newer version is no news; the product that is added is
        case(1, ("ketamine", "esketamine"), "Cystitis", day=1, revision=2),
        # the event is news, its group is not
        case(2, ("ketamine", "OTHER"), ("Cystitis", "Dysuria", "Nausea"), day=1, revision=2),
        Change("case", case_id=3, revision=2, status="nullified", taken_at=clock.at),
        case(8, "OTHER", "Nausea", day=1),
    )
    assert counts(store, 0) == {
        ("", ""): 7,
        ("ketamine", ""): 3,
        ("esketamine", ""): 1,
        ("", "Cystitis"): 3,
        ("", "group:urinary"): 3,
        ("", "Nausea"): 3,
        ("ketamine", "Cystitis"): 2,
        ("ketamine", "group:urinary"): 2,
        ("esketamine", "Nausea"): 1,
    }
    assert counts(store, 1) == {
        ("", ""): 3,
        ("esketamine", ""): 1,
        ("ketamine", ""): 1,
        ("", "Cystitis"): 1,
        ("", "group:urinary"): 1,
        ("", "Nausea"): 2,
        ("esketamine", "Cystitis"): 1,
        ("esketamine", "group:urinary"): 1,
        ("ketamine", "Nausea"): 1,
    }
    consistent(store)


def test_a_day_closes_at_the_first_checkpoint_after_it_is_over(
    store: Store, clock: Clock, configuration: Configuration
) -> None:
    one = Detector(store, configuration, LOG)
    clock.day(0)
    apply(one, 0, case(1, "ketamine", "Cystitis"), demand())
    assert looks(store) == {0: None}
    clock.day(1, hour=0.1)
    # the first change of a new day makes a checkpoint, and closes the day with what it brought
    apply(one, 1, case(2, "OTHER", "Cough", day=0, hour=23.9))
    assert looks(store) == {0: 1}
    assert counts(store, 0)["", ""] == 2
    consistent(store)


def test_a_case_that_comes_after_its_day_has_closed_enters_the_first_open_look(
    store: Store, clock: Clock, configuration: Configuration
) -> None:
    one = Detector(store, configuration, LOG)
    clock.day(0)
    apply(one, 0, case(1, "ketamine", "Cystitis"), demand())
    clock.day(1, hour=0.1)
    apply(one, 1, case(2, "OTHER", "Cough", day=1, hour=0.05))
    closed = counts(store, 0)
    apply(one, 2, case(3, "ketamine", "Cystitis", day=0, hour=23.99))
    assert counts(store, 0) == closed
    assert counts(store, 1)["ketamine", "Cystitis"] == 1
    assert looks(store) == {0: 1, 1: None}
    consistent(store)


def test_the_days_of_an_import_close_when_it_has_ended(
    store: Store, clock: Clock, configuration: Configuration
) -> None:
    """Though they lie in the past, and checkpoints come while it goes on."""
    one = Detector(store, configuration, LOG)
    clock.day(100)
    apply(one, 0, case(1, "ketamine", "Cystitis", day=3, imported=100), demand("verify"))
    apply(one, 1, case(2, "OTHER", "Cough", day=7, imported=100), demand())
    # a pushed case of the day before does not hold up its own look
    clock.day(101, hour=0.1)
    apply(one, 2, case(3, "OTHER", "Cough", day=100, hour=23.5))
    assert looks(store) == {3: None, 7: None, 100: 2}
    apply(one, 3, case(4, "OTHER", "Cough", day=3, imported=100), demand(IMPORT_ENDED))
    assert looks(store) == {3: 3, 7: 3, 100: 2}
    assert counts(store, 3)["", ""] == 2
    # what a second import brings for a day that is closed enters the next one that is not
    apply(one, 4, case(5, "ketamine", "Nausea", day=3, imported=100))
    assert counts(store, 4)["ketamine", "Nausea"] == 1
    consistent(store)


def test_an_import_that_did_not_say_that_it_ended_is_over_after_a_silent_day(
    store: Store, clock: Clock, configuration: Configuration
) -> None:
    one = Detector(store, configuration, LOG)
    clock.day(0)
    apply(one, 0, case(1, "ketamine", "Cystitis", day=-9, imported=0), demand())
    clock.day(1, hour=9.0)  # taken at 10 on the first day
    apply(one, 1, case(2, "OTHER", "Cough", day=1))
    assert looks(store)[-9] is None
    clock.day(2)
    apply(one, 2, case(3, "OTHER", "Cough", day=2))
    assert looks(store)[-9] == 2
    consistent(store)


def harm(chance: random.Random, days: int, first: int = 1) -> list[list[Change]]:
    """Days of 40 reports; a tenth of all are of ketamine, half of those have cystitis."""
    listed = []
    for day in range(days):
        today = []
        for i in range(40):
            ketamine = i < 4
            hit = chance.random() < (0.5 if ketamine else 0.05)
            today.append(
                case(
                    first + 40 * day + i,
                    "ketamine" if ketamine else f"OTHER {i % 5}",
                    "Cystitis" if hit else f"Event {i % 7}",
                    day=day,
                )
            )
        listed.append(today)
    return listed


def run(one: Detector, clock: Clock, days: list[list[Change]], position: int = 0) -> int:
    for day, changes in enumerate(days):
        clock.day(day)
        apply(one, position, *changes)
        position += 1
    clock.day(len(days), hour=1.0)
    apply(one, position, demand())
    return position


def test_a_pair_is_confirmed_at_the_look_at_which_the_family_has_what_it_asks(
    store: Store, clock: Clock, configuration: Configuration
) -> None:
    days = harm(random.Random(3), 14)
    run(Detector(store, configuration, LOG), clock, days)
    found = {row.event: row for row in kinds(store, "confirmed")}
    assert set(found) == {"Cystitis", "group:urinary"}
    signal = found["Cystitis"]
    assert (signal.product, signal.priority) == ("ketamine", "high")
    # worked out apart: the process of this pair alone, from the cases as they were made
    table = np.array(
        [
            [
                sum(own and hit for own, hit in marks),
                sum(own for own, _ in marks),
                sum(hit and not own for own, hit in marks),
                sum(not own for own, _ in marks),
            ]
            for today in days
            for marks in [
                [(c.products[0].name == "ketamine", c.events[0].name == "Cystitis") for c in today]
            ]
        ],
        dtype=float,
    )
    columns = [column[:, None] for column in table.T]
    evidence = two_sample_late.batch(1, Look(*columns))
    asked = needed(2, 0.05, 6)  # the term and its group, of 2 products x 3 events
    day = int(np.argmax(evidence.log_e_sup[:, 0] >= asked))
    (confirmation,) = [
        row for row in rows(store, tables.confirmations) if row.signal_id == signal.id
    ]
    assert (confirmation.asked, confirmation.among) == (asked, 2)
    assert confirmation.log_e == evidence.log_e_sup[day, 0]
    assert date.fromisoformat(confirmation.day).toordinal() - DAY == day
    assert confirmation.n == table[: day + 1, 0].sum()
    (rule,) = [row for row in rows(store, tables.signal_rules) if row.signal_id == signal.id]
    assert (rule.rule, rule.data_date, rule.holds) == (
        "sequential_evidence",
        confirmation.day,
        True,
    )
    # it was said at the checkpoint after the day was over
    assert (signal.raised_position, rule.first_position) == (day + 1, day + 1)
    (history,) = [row for row in rows(store, tables.signal_history) if row.signal_id == signal.id]
    detail = json.loads(history.detail)
    assert (detail["family"], detail["size"], detail["asked"]) == ("test", 6, asked)
    with store.read() as connection:
        messages = [json.loads(v) for v in connection.scalars(select(tables.outbox.c.value))]
    sent = [m for m in messages if m["kind"] == "confirmed" and m["event"] == "Cystitis"]
    assert [(m["day"], m["log_e"]) for m in sent] == [(confirmation.day, confirmation.log_e)]
    consistent(store)


def test_nothing_is_confirmed_of_what_is_as_common_elsewhere(
    store: Store, clock: Clock, configuration: Configuration
) -> None:
    chance = random.Random(8)
    days = [
        [
            case(
                1 + 40 * day + i,
                "ketamine" if i < 8 else "OTHER",
                "Cystitis" if chance.random() < 0.3 else "Cough",
                day=day,
            )
            for i in range(40)
        ]
        for day in range(20)
    ]
    run(Detector(store, configuration, LOG), clock, days)
    assert kinds(store, "confirmed") == []
    assert len(rows(store, tables.evidence)) == 20 * 3  # of the product that was reported
    assert max(row.log_e_sup for row in rows(store, tables.evidence)) < 3


EVIDENCE = (tables.look_counts, tables.looks, tables.evidence, tables.families)


def content(store: Store) -> list[list[tuple[Any, ...]]]:
    """Looks and evidence, without the times at which they were written."""
    skip = {"closed_at", "opened_at", "id"}
    return [
        sorted(
            (
                tuple(getattr(row, c.name) for c in table.c if c.name not in skip)
                for row in rows(store, table)
            ),
            key=repr,
        )
        for table in EVIDENCE
    ]


def test_a_restart_after_every_message_changes_nothing(
    store: Store, clock: Clock, configuration: Configuration, tmp_path: Path
) -> None:
    chance = random.Random(5)
    days = harm(chance, 10)
    for day in range(1, 10):  # newer versions of cases, some of them twice
        for _ in range(3):
            old = chance.choice(days[chance.randrange(day)])
            revision = 1 + max(
                c.revision for today in days for c in today if c.case_id == old.case_id
            )
            days[day].append(
                case(
                    old.case_id,
                    chance.choice(["ketamine", "OTHER 1", "esketamine"]),
                    chance.sample(["Cystitis", "Nausea", "Cough"], 2),
                    day=day,
                    revision=revision,
                )
            )
    other = made(f"sqlite:///{tmp_path}/other.db")
    run(Detector(other, configuration, LOG), clock, days)
    for position, changes in enumerate([*days, [demand()]]):
        clock.day(position, hour=1.0 if position == len(days) else 12.0)
        apply(Detector(store, configuration, LOG), position, *changes)
    assert content(store) == content(other)
    assert [row.event for row in kinds(store, "confirmed")] == [
        row.event for row in kinds(other, "confirmed")
    ]
    consistent(store)
    other.close()


def test_the_order_of_cases_and_the_size_of_batches_change_nothing(
    store: Store, clock: Clock, configuration: Configuration, tmp_path: Path
) -> None:
    """Given the same days and the same checkpoints."""
    chance = random.Random(6)
    days = harm(chance, 8)
    other = made(f"sqlite:///{tmp_path}/other.db")
    run(Detector(other, configuration, LOG), clock, days)
    one, position = Detector(store, configuration, LOG), 0
    for day, changes in enumerate(days):
        clock.day(day)
        mixed = list(changes)
        chance.shuffle(mixed)
        cut = sorted(chance.sample(range(1, len(mixed)), 3))
        lots = [mixed[a:b] for a, b in zip([0, *cut], [*cut, len(mixed)], strict=True)]
        # messages apart or together in a batch
        together = chance.randint(1, 3)
        batch = [(position + i, Changes(VERSION, tuple(lot))) for i, lot in enumerate(lots)]
        one.apply(batch[:together])
        one.apply(batch[together:])
        position += len(lots)
    clock.day(len(days), hour=1.0)
    apply(one, position, demand())

    def without_positions(of: Store) -> list[Any]:
        kept = content(of)
        return [kept[0], [row[:2] for row in kept[1]], kept[2]]

    assert without_positions(store) == without_positions(other)
    consistent(store)
    other.close()


def test_what_is_corrected_later_can_suspend_and_the_looks_stay(
    store: Store, clock: Clock, configuration: Configuration
) -> None:
    one = Detector(store, configuration, LOG)
    days = harm(random.Random(3), 14)
    position = run(one, clock, days)
    before = content(store)
    hits = [
        c
        for today in days
        for c in today
        if c.products[0].name == "ketamine" and c.events[0].name == "Cystitis"
    ]
    gone = [
        msgspec.structs.replace(
            c, revision=2, status="nullified", products=(), events=(), taken_at=clock.at
        )
        for c in hits[2:]
    ]
    apply(one, position + 1, *gone, demand())
    signals = {row.id: row.event for row in kinds(store, "confirmed")}
    holds = {
        signals[row.signal_id]: row.holds
        for row in rows(store, tables.signal_rules)
        if row.signal_id in signals
    }
    assert holds == {"Cystitis": False, "group:urinary": False}
    found = rows(store, tables.confirmations)
    assert [row.corrected_n for row in found] == [2, 2]
    assert all(row.corrected_log_e < row.asked <= row.log_e for row in found)
    assert content(store)[0] == before[0]
    assert content(store)[2] == before[2]
    # they come back: the figure is above what was asked again, and it is said
    back = [msgspec.structs.replace(c, revision=3, taken_at=clock.at) for c in hits[2:]]
    apply(one, position + 2, *back, demand())
    told = [
        row.what
        for row in rows(store, tables.signal_history)
        if signals.get(row.signal_id) == "Cystitis"
    ]
    assert told == ["first_held", "holds_no_longer", "holds_again"]
    consistent(store)


def test_what_holds_as_corrected_alone_is_never_confirmed(
    store: Store, clock: Clock, configuration: Configuration
) -> None:
    """Cases that were nullified on their day and come back by a version that is no news."""
    one = Detector(store, configuration, LOG)
    days = harm(random.Random(3), 14)
    for today in days:
        today[:] = [
            msgspec.structs.replace(c, events=(CodedEvent("Cough", c.events[0].day),))
            for c in today
        ]
    position = run(one, clock, days)
    # the events are known at once, on one day: one look, in which a product has 56 of 56
    changed = [
        msgspec.structs.replace(
            c, revision=2, taken_at=clock.at, events=(CodedEvent("Cystitis", c.events[0].day),)
        )
        for today in days
        for c in today
        if c.products[0].name == "ketamine"
    ]
    apply(one, position + 1, *changed, demand())
    days_known = History(one.reports.book, "spontaneous").by_day("ketamine", "Cystitis")
    assert days_known.n.sum() == 56
    assert corrected([days_known], 1.25)[0] > needed(1, 0.05, 6)
    assert kinds(store, "confirmed") == []
    assert rows(store, tables.confirmations) == []


def test_a_product_that_comes_later_opens_a_family_of_its_own(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    clock.day(0)
    first = Detector(store, configured(tmp_path, watchlist='products = ["ketamine"]'), LOG)
    assert first.reports.lines() == [
        "spontaneous reports, family test: 1 products x 3 events = 3 pairs, alpha 0.05; alone, a "
        "pair needs e >= 110, margin 1.25",
        "solicited reports, family test: 1 products x 3 events = 3 pairs, alpha 0.05; alone, a "
        "pair needs e >= 110, margin 1.25",
    ]
    apply(first, 0, case(1, "esketamine", "Nausea"), case(2, "ketamine", "Nausea"))
    clock.day(1, hour=0.1)
    apply(first, 1, case(3, "OTHER", "Nausea", day=1, hour=0.05))
    apply(first, 2, case(4, "esketamine", "Nausea", day=1, hour=0.06))
    second = Detector(store, configured(tmp_path), LOG)
    apply(second, 3, case(5, "esketamine", "Cystitis", day=1, hour=0.07))
    opened = [row for row in rows(store, tables.families) if row.dataset == "spontaneous"]
    assert [(row.name, json.loads(row.products), row.opened_position) for row in opened] == [
        ("test", ["ketamine"], -1),
        ("test: esketamine", ["esketamine"], 2),
    ]
    # the day that is open counts it from its first hour, the closed one is no look of its family
    assert counts(store, 1)["esketamine", ""] == 2
    assert counts(store, 1)["esketamine", "Nausea"] == 1
    clock.day(2)
    apply(second, 4, demand())
    seen = {(row.product, row.day) for row in rows(store, tables.evidence)}
    assert ("esketamine", "2026-03-02") in seen
    assert ("esketamine", "2026-03-01") not in seen
    assert len(second.reports.lines()) == 4
    consistent(store)


def test_another_file_ends_the_family_and_opens_a_new_one(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    clock.day(0)
    apply(Detector(store, configured(tmp_path), LOG), 0, case(1, "ketamine", "Nausea"))
    other = configured(tmp_path, FAMILY.replace('"Nausea"', '"Nausea", "Cough"'))
    clock.day(1)
    apply(Detector(store, other, LOG), 1, case(2, "ketamine", "Cough", day=1))
    clock.day(2)
    apply(Detector(store, other, LOG), 2, demand())
    found = [row for row in rows(store, tables.families) if row.dataset == "spontaneous"]
    assert [(row.opened_position, row.ended_position) for row in found] == [(-1, 0), (0, None)]
    evidence = {(row.family, row.event) for row in rows(store, tables.evidence)}
    new = found[1].id
    assert {number for number, _ in evidence} == {new}
    assert (new, "Cough") in evidence
    assert other.digest() != configured(tmp_path).digest()
    consistent(store)


def test_solicited_reports_have_looks_and_a_family_of_their_own(
    store: Store, clock: Clock, configuration: Configuration
) -> None:
    one = Detector(store, configuration, LOG)
    clock.day(0)
    apply(one, 0, case(1, "ketamine", "Nausea", dataset="solicited"), case(2, "OTHER", "Nausea"))
    found = {
        (row.dataset, row.product, row.event): row.n for row in rows(store, tables.look_counts)
    }
    assert found["solicited", "", ""] == found["spontaneous", "", ""] == 1
    assert ("spontaneous", "ketamine", "") not in found
    assert {row.dataset for row in rows(store, tables.families)} == {"spontaneous", "solicited"}


def test_what_is_changed_behind_its_back_is_found(
    store: Store, clock: Clock, configuration: Configuration
) -> None:
    run(Detector(store, configuration, LOG), clock, harm(random.Random(2), 4))
    consistent(store)
    changes: list[tuple[Any, dict[str, Any], str]] = [
        (tables.look_counts, {"n": 99}, "counts_differing"),
        (tables.looks, {"closed_position": 1}, "looks_differing"),
        (tables.evidence, {"log_e": 0.25}, "evidence_differing"),
    ]
    for table, change, figure in changes:
        with store.write() as connection:
            connection.execute(update(table).where(table.c.day == "2026-03-03").values(change))
            found = check_looks(connection)
        assert not found.holds
        assert found.figures[figure] > 0
