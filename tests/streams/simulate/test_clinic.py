"""A clinic's records: the same for a seed, in order but for slips, planted as told."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from random import Random

import msgspec
import numpy as np
import pytest

from detectors.casebook import Casebook, CaseContent
from detectors.coding import content
from detectors.disproportionality import METHODS
from detectors.disproportionality.table import score
from detectors.rules import holds, read
from schemas import coding
from schemas.envelope import Change
from schemas.errors import RecordError
from schemas.record import Checked, check
from schemas.vocabulary import Vocabulary, Watchlist
from streams.simulate import slips
from streams.simulate.clinic import Clinic
from streams.simulate.facts import planted
from streams.simulate.push import CLINICS, REGISTRIES
from streams.simulate.registry import Registry

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HISTORY, LIVE = 1000, 600


@pytest.fixture(scope="module")
def sent() -> dict[str, list[bytes]]:
    """What each clinic sends in its history and the first minutes after it."""
    clinics = [Clinic(name, 1, history=HISTORY) for name in CLINICS]
    return {
        clinic.name: [raw for _ in range(HISTORY + LIVE) for raw in clinic.next(NOW)]
        for clinic in clinics
    }


def _checked(sent: dict[str, list[bytes]]) -> tuple[list[Checked], Counter[str]]:
    good, refused = [], Counter[str]()
    for sender, records in sent.items():
        for raw in records:
            try:
                good.append(check("reports", raw, sender=sender, taken_at=NOW))
            except RecordError as error:
                refused[error.code] += 1
    return good, refused


def _book(records: list[Checked]) -> Casebook:
    vocabulary, watchlist = Vocabulary.load(), Watchlist.load()
    newest: dict[str, Checked] = {}
    for record in records:
        held = newest.setdefault(record.record_id, record)
        if record.order_key > held.order_key:
            newest[record.record_id] = record
    cases: list[tuple[int, int, CaseContent | None]] = []
    for number, record in enumerate(newest.values()):
        found = coding.code(vocabulary, msgspec.json.decode(record.body), NOW.toordinal())
        change = Change(
            "case",
            number,
            1,
            record.status,
            found.dataset,
            found.products,
            found.events,
        )
        cases.append((number, 1, content(change, strata_of=watchlist.watches)))
    return Casebook.of(cases)


def _raised(book: Casebook) -> set[tuple[str, str]]:
    watched = Watchlist.load()
    names = {p for p, _ in _pairs(book) if watched.watches(p)}
    table = book.table("spontaneous", products=names)
    columns = score(table, [m for m in METHODS if not m.whole_table])
    rules = [rule for rule in read() if rule.available([*table.counts, *columns])]
    held = holds(rules, table.counts | columns)
    any_rule = np.logical_or.reduce(list(held.values()))
    return {(p, e) for p, e, on in zip(table.product, table.event, any_rule, strict=True) if on}


def _pairs(book: Casebook) -> set[tuple[str, str]]:
    table = book.table("spontaneous")
    return set(zip(table.product, table.event, strict=True))


def test_the_same_seed_sends_the_same_and_another_seed_does_not() -> None:
    def first(seed: int) -> list[bytes]:
        clinic = Clinic("clinic-north", seed)
        return [raw for _ in range(200) for raw in clinic.next(NOW)]

    assert first(5) == first(5)
    assert first(5) != first(6)


def test_every_record_is_in_order_but_for_the_slips(sent: dict[str, list[bytes]]) -> None:
    clinic = Clinic("clinic-north", 1, history=HISTORY)
    for _ in range(HISTORY + LIVE):
        clinic.next(NOW)
    _, refused = _checked({"clinic-north": sent["clinic-north"]})
    told = Counter(
        {kind[6:]: number for kind, number in clinic.sent.items() if kind.startswith("slip: ")}
    )
    assert refused == told
    assert refused.total() > 0


def test_late_versions_come_in_both_orders_and_some_cases_are_nullified(
    sent: dict[str, list[bytes]],
) -> None:
    good, _ = _checked(sent)
    seen: dict[str, list[Checked]] = {}
    for record in good:
        seen.setdefault(record.record_id, []).append(record)
    versions = [[record.version for record in records] for records in seen.values()]
    assert [1, 2] in versions
    assert [2, 1] in versions
    assert any(records[-1].status == "nullified" for records in seen.values())
    hashes = [[record.content_hash for record in records] for records in seen.values()]
    assert any(len(set(found)) < len(found) for found in hashes)


def test_what_is_planted_is_raised_and_shows_in_its_setting_alone(
    sent: dict[str, list[bytes]],
) -> None:
    good, _ = _checked(sent)
    raised = _raised(_book(good))
    for one in planted():
        if one.expect == "raised":
            assert {(product, one.event) for product in one.pairs} <= raised
        assert not {(product, one.event) for product in one.absent} & raised


def test_the_false_alarm_is_raised_until_it_is_taken_back(sent: dict[str, list[bytes]]) -> None:
    alarm = next(one for one in planted() if one.expect == "withdrawn")
    pair = (alarm.product, alarm.event)
    good, _ = _checked(sent)
    before = [record for record in good if record.status == "active"]
    assert pair in _raised(_book(before))
    assert pair not in _raised(_book(good))


def test_history_is_dated_back_and_nothing_lies_in_the_future(
    sent: dict[str, list[bytes]],
) -> None:
    good, _ = _checked(sent)
    days = sorted({record.information_date[:10] for record in good})
    assert days[-1] == "2026-03-01"
    assert days[0] < "2026-01-05"


@pytest.mark.parametrize("code", slips.CODES)
def test_each_slip_is_refused_by_its_code(code: str) -> None:
    clinic = Clinic("clinic-north", 1)
    report = clinic._report(NOW)
    with pytest.raises(RecordError) as refused:
        check("reports", slips.make(code, report, NOW), sender="clinic-north", taken_at=NOW)
    assert refused.value.code == code


@pytest.mark.parametrize("name", REGISTRIES)
def test_a_registry_sends_follow_up_records_and_solicited_reports_in_order(name: str) -> None:
    registry = Registry(name, REGISTRIES[name], 1)
    kinds: Counter[str] = Counter()
    for _ in range(400):
        reports, followups = registry.next(NOW)
        for raw in reports:
            assert json.loads(raw)["report_type"] == "solicited"
            check("reports", raw, sender=name, taken_at=NOW)
        for raw in followups:
            check("followups", raw, sender=name, taken_at=NOW)
            kinds[json.loads(raw)["kind"]] += 1
    assert kinds["enrolment"] >= 60
    assert kinds["exit"] > 0
    assert kinds["mood"] > 0
    assert (kinds["dissociation"] > 0) == (name != "registry-antidepressants")


def test_slips_are_drawn_from_all_codes() -> None:
    rng = Random(1)
    report = Clinic("clinic-north", 1)._report(NOW)
    assert {slips.draw(rng, report, NOW)[0] for _ in range(200)} == set(slips.CODES)
