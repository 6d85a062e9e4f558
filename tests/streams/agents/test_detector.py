"""The detector: changes in, scores and signals out, and the same again after a rebuild."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from detectors.disproportionality.ebgm import ebgm
from schemas.envelope import VERSION, Change, Changes, CodedEvent, CodedProduct
from streams.agents.configuration import Configuration
from streams.agents.detector import Detector
from streams.agents.fits import fit
from streams.settings import Settings
from streams.store import tables
from streams.store.fits import Fits
from streams.store.store import LostPartition, Store, bind_log, open_store, stored_positions
from tests.market import pairs

LOG = "the log of this test"
DAY = date(2025, 1, 1).toordinal()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    opened = open_store(store_url)
    with opened.write() as connection:
        bind_log(connection, "detect", LOG, {("changes", 0): 10**6})
    yield opened
    opened.close()


def detector(store: Store) -> Detector:
    return Detector(store, Configuration.load(), LOG)


def case(number: int, product: str, event: str, *, day: int = 0, revision: int = 1) -> Change:
    return Change(
        "case",
        case_id=number,
        revision=revision,
        products=(CodedProduct(product, "suspect", DAY + day),),
        events=(CodedEvent(event, DAY + day),),
    )


def background(first: int, count: int) -> list[Change]:
    return [case(first + i, f"OTHER {i % 7}", f"Event {i % 5}") for i in range(count)]


def market(first: int, count: int) -> list[Change]:
    """Cases to whose pairs a prior can be fitted."""
    return [
        case(first + i, f"OTHER {product}", f"Event {event}")
        for i, (product, event) in enumerate(pairs(count))
    ]


def rows(store: Store, table: Any) -> list[Any]:
    with store.read() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key)).all())


def apply(one: Detector, position: int, changes: Sequence[Change]) -> None:
    one.apply([(position, Changes(VERSION, tuple(changes)))])


def test_a_watched_pair_raises_when_a_rule_first_holds(store: Store) -> None:
    one = detector(store)
    apply(one, 0, background(1, 200))
    apply(one, 1, [case(1001, "esketamine", "Dissociation", day=1)])
    apply(one, 2, [case(1002, "esketamine", "Dissociation", day=4)])
    assert rows(store, tables.signals) == []
    apply(one, 3, [case(1003, "esketamine", "Dissociation", day=9)])
    (signal,) = rows(store, tables.signals)
    assert (signal.product, signal.event) == ("esketamine", "Dissociation")
    assert signal.raised_position == 3
    first = {row.rule: row for row in rows(store, tables.signal_rules)}
    # 3 of 3 esketamine cases in 203: expected 9/203, so PRR has no finite value but IC and ROR do
    assert first["ic025"].first_n == 3
    assert first["ic025"].data_date == "2025-01-10"
    assert first["ic025"].data_n == 3


def test_a_pair_of_the_background_raises_nothing(store: Store) -> None:
    one = detector(store)
    apply(one, 0, background(1, 200))
    apply(one, 1, [case(1000 + i, "OTHER X", "Rare event") for i in range(5)])
    apply(one, 2, [Change("checkpoint", reason="test")])
    assert rows(store, tables.signals) == []
    scored = {(row.product, row.event): row for row in rows(store, tables.scores)}
    assert scored["OTHER X", "Rare event"].n == 5


def test_lack_of_effect_is_no_signal(store: Store) -> None:
    one = detector(store)
    apply(one, 0, background(1, 200))
    apply(one, 1, [case(1000 + i, "esketamine", "Drug ineffective") for i in range(5)])
    assert rows(store, tables.signals) == []


def test_a_nullified_case_takes_the_pair_back_and_the_signal_stays_on_record(store: Store) -> None:
    one = detector(store)
    apply(one, 0, background(1, 200))
    apply(one, 1, [case(1000 + i, "esketamine", "Dissociation") for i in range(3)])
    gone = Change("case", revision=2, status="nullified")
    apply(one, 2, [msgspec.structs.replace(gone, case_id=1000 + i) for i in range(3)])
    assert len(rows(store, tables.signals)) == 1
    assert [(row.rule, row.holds) for row in rows(store, tables.signal_rules)] == [("ic025", False)]
    assert not [r for r in rows(store, tables.scores) if r.product == "esketamine"]
    told = [row.what for row in rows(store, tables.signal_history)]
    assert {"first_held", "holds_no_longer"} == set(told)


def test_a_revision_it_has_changes_nothing_but_the_position(store: Store) -> None:
    one = detector(store)
    apply(one, 0, [case(1, "esketamine", "Dissociation")])
    before = rows(store, tables.scores)
    apply(one, 1, [case(1, "esketamine", "Dissociation")])
    assert rows(store, tables.scores) == before
    assert len(rows(store, tables.changes)) == 1
    with store.read() as connection:
        assert stored_positions(connection, "detect") == {("changes", 0): 2}


def test_two_detectors_cannot_both_write(store: Store) -> None:
    one, other = detector(store), detector(store)
    apply(one, 0, [case(1, "esketamine", "Dissociation")])
    with pytest.raises(LostPartition):
        apply(other, 0, [case(2, "esketamine", "Sedation")])
    assert [row.case_id for row in rows(store, tables.changes)] == [1]


def test_a_rule_that_held_on_a_day_gone_by_is_raised_with_that_day(store: Store) -> None:
    """Reports that arrive in one lot raise by their own dates, not only by the sum of all."""
    one = detector(store)
    early = [case(1 + i, "esketamine", "Headache", day=1) for i in range(3)]
    before = [case(100 + i, "OTHER", "Cough", day=0) for i in range(60)]
    # later the event becomes as common elsewhere, so that at the end nothing holds
    later = [case(1000 + i, "OTHER", "Headache", day=30) for i in range(400)]
    apply(one, 0, [*later, *early, *before])
    assert rows(store, tables.signals) == []
    apply(one, 1, [Change("checkpoint", reason="import")])
    found = {row.rule: row for row in rows(store, tables.signal_rules)}
    assert found["ic025"].data_date == "2025-01-02"
    assert found["ic025"].data_n == 3
    assert not found["ic025"].holds


def at(number: int, setting: str, event: str) -> Change:
    return Change(
        "case",
        case_id=number,
        revision=1,
        products=(CodedProduct("ketamine", "suspect", DAY, setting=setting),),
        events=(CodedEvent(event, DAY),),
    )


def test_a_setting_is_raised_for_itself_only_where_the_whole_product_is_silent(
    store: Store,
) -> None:
    one = detector(store)
    changes = [at(1 + i, "home", "Hydronephrosis") for i in range(5)]
    changes += [at(100 + i, "clinic", f"Event {i % 5}") for i in range(400)]
    changes += [case(1000 + i, "OTHER", "Hydronephrosis") for i in range(8)]
    changes += [at(2000 + i, "home", "Dysphoria") for i in range(20)]
    changes += background(3000, 400)
    apply(one, 0, changes)
    raised = {
        (row.product, row.event) for row in rows(store, tables.signals) if row.kind == "screening"
    }
    assert ("ketamine @home", "Hydronephrosis") in raised
    assert ("ketamine", "Hydronephrosis") not in raised
    assert ("ketamine", "Dysphoria") in raised
    assert ("ketamine @home", "Dysphoria") not in raised


def test_after_a_rebuild_it_goes_on_as_if_it_had_never_stopped(
    store: Store, tmp_path: Path
) -> None:
    chance = random.Random(7)
    changes = background(1, 300)
    changes += [
        case(500 + i, "ketamine", chance.choice(["Cystitis noninfective", "Nausea"]), day=i)
        for i in range(40)
    ]
    chance.shuffle(changes)
    lots = [changes[i : i + 20] for i in range(0, len(changes), 20)]
    other = open_store(f"sqlite:///{tmp_path}/other.db")
    with other.write() as connection:
        bind_log(connection, "detect", LOG, {("changes", 0): 10**6})
    whole = detector(other)
    for position, lot in enumerate(lots):
        detector(store).apply([(position, Changes(VERSION, tuple(lot)))])
        apply(whole, position, lot)
    for one, at in ((detector(store), len(lots)), (whole, len(lots))):
        apply(one, at, [Change("checkpoint", reason="test")])
    assert rows(store, tables.scores) == rows(other, tables.scores)
    keep = ("dataset", "product", "event", "raised_position")
    assert [[getattr(r, k) for k in keep] for r in rows(store, tables.signals)] == [
        [getattr(r, k) for k in keep] for r in rows(other, tables.signals)
    ]
    other.close()


def scored(store: Store) -> dict[tuple[str, str], Any]:
    return {(row.product, row.event): row for row in rows(store, tables.scores)}


def test_between_checkpoints_ebgm_has_the_prior_of_the_last_one(store: Store) -> None:
    one = detector(store)
    apply(one, 0, market(1, 1500))
    apply(one, 1, [case(5000 + i, "esketamine", "Dissociation", day=i) for i in range(3)])
    pair = scored(store)["esketamine", "Dissociation"]
    assert (pair.ebgm, pair.eb05, pair.eb95, pair.fit) == (None, None, None, None)
    apply(one, 2, [Change("checkpoint", reason="test")])
    (checkpoint,) = rows(store, tables.checkpoints)
    fits = Fits.from_json(2, checkpoint.fits)
    table = one.reports.book.table("spontaneous")
    assert fits.by_dataset == {"spontaneous": fit(table)}
    apply(one, 3, [case(5003, "esketamine", "Dissociation", day=5)])
    pair = scored(store)["esketamine", "Dissociation"]
    assert (pair.n, pair.position, pair.fit) == (4, 3, 2)
    # n 4, expected 4 * 4 / 1504
    prior = fits.by_dataset["spontaneous"].prior
    assert prior is not None
    expected = ebgm(4, 4 * 4 / 1504, prior)
    assert (pair.ebgm, pair.eb05, pair.eb95) == tuple(map(float, expected[:3]))
    # a detector that is made anew goes on with the same prior
    apply(detector(store), 4, [case(5004, "esketamine", "Dissociation", day=6)])
    pair = scored(store)["esketamine", "Dissociation"]
    assert (pair.fit, pair.ebgm) == (2, float(ebgm(5, 5 * 5 / 1505, prior).estimate))


def test_the_prior_is_fitted_to_whole_products_with_terms(store: Store) -> None:
    """Strata and groups are scored with it and do not move it."""
    one = detector(store)
    urinary = CodedEvent("Dysuria", DAY, ("urinary",), matched=True)
    home = CodedProduct("ketamine", "suspect", DAY, setting="home")
    strata = [
        Change("case", case_id=9000 + i, revision=1, products=(home,), events=(urinary,))
        for i in range(3)
    ]
    strata += [case(9100 + i, f"OTHER {i % 12}", "Dysuria") for i in range(60)]
    apply(one, 0, [*market(1, 1500), *strata, Change("checkpoint", reason="test")])
    found = scored(store)
    assert ("ketamine @home", "group:urinary") in found
    assert all(row.fit == 0 and row.eb05 is not None for row in found.values())
    (checkpoint,) = rows(store, tables.checkpoints)
    plain = [row for row in found.values() if "@" not in row.product and ":" not in row.event]
    assert Fits.from_json(0, checkpoint.fits).by_dataset["spontaneous"].pairs == len(plain)
    assert len(plain) == len(found) - 3


def test_a_fit_that_failed_is_recorded_and_leaves_its_columns_empty(store: Store) -> None:
    one = detector(store)
    apply(one, 0, [*market(1, 1500), Change("checkpoint", reason="test")])
    solicited = [
        msgspec.structs.replace(case(3000 + i, "esketamine", "Nausea"), dataset="solicited")
        for i in range(4)
    ]
    apply(one, 1, [*solicited, Change("checkpoint", reason="test")])
    fits = Fits.from_json(1, rows(store, tables.checkpoints)[-1].fits)
    assert fits.by_dataset["solicited"].code == "ebgm_fit_failed"
    assert fits.by_dataset["solicited"].message == "1 pairs are too few to fit a prior to"
    apply(one, 2, [msgspec.structs.replace(solicited[0], case_id=4000)])
    (row,) = [row for row in rows(store, tables.scores) if row.dataset == "solicited"]
    assert (row.n, row.ebgm, row.eb05, row.eb95, row.fit) == (5, None, None, None, None)
    assert row.ic is not None


def test_eb05_raises_without_a_data_date(store: Store) -> None:
    """Its prior belongs to a checkpoint, not to a day."""
    one = detector(store)
    apply(one, 0, [*market(1, 1500), Change("checkpoint", reason="test")])
    apply(one, 1, [case(5000 + i, "esketamine", "Dissociation", day=i) for i in range(4)])
    apply(one, 2, [Change("checkpoint", reason="test")])
    found = {row.rule: row for row in rows(store, tables.signal_rules)}
    assert found["eb05"].holds
    assert (found["eb05"].first_position, found["eb05"].data_date) == (1, None)
    assert found["ic025"].data_date == "2025-01-03"


def test_at_a_checkpoint_every_rule_is_looked_at_again(store: Store) -> None:
    """A pair that nothing touched can cease to stand out, since all others have grown."""
    one = detector(store)
    apply(one, 0, background(1, 60))
    apply(one, 1, [case(1000 + i, "esketamine", "Cough") for i in range(4)])
    assert [row.holds for row in rows(store, tables.signal_rules) if row.rule == "ic025"] == [True]
    # the event becomes as common with others, and the pair itself stays as it is
    apply(one, 2, [case(2000 + i, "OTHER", "Cough") for i in range(400)])
    apply(one, 3, [Change("checkpoint", reason="test")])
    pair = scored(store)["esketamine", "Cough"]
    assert pair.ic025 < 0
    assert [row.holds for row in rows(store, tables.signal_rules) if row.rule == "ic025"] == [False]


def history(store: Store, kind: str) -> list[tuple[str, str, int]]:
    """What was said of the signals of a kind, in order: what, the rule, and at which position."""
    kinds = {row.id: row.kind for row in rows(store, tables.signals)}
    return [
        (row.what, json.loads(row.detail)["rule"], row.position)
        for row in rows(store, tables.signal_history)
        if kinds[row.signal_id] == kind
    ]


def test_the_first_case_of_a_designated_event_is_raised_for_review(store: Store) -> None:
    one = detector(store)
    apply(one, 0, background(1, 200))
    apply(one, 1, [case(1000, "ketamine", "Coma", day=3)])
    apply(one, 2, [case(1001, "ketamine", "Coma", day=1)])
    (signal,) = rows(store, tables.signals)
    assert (signal.kind, signal.priority) == ("case_review", "high")
    assert (signal.product, signal.event, signal.raised_position) == ("ketamine", "Coma", 1)
    (rule,) = rows(store, tables.signal_rules)
    assert (rule.rule, rule.first_n, rule.holds) == ("designated_event", 1, True)
    # by the data's own dates it was the second case that came first
    assert (rule.data_date, rule.data_n) == ("2025-01-02", 1)


def test_three_cases_of_it_are_a_signal_of_two_kinds_side_by_side(store: Store) -> None:
    one = detector(store)
    apply(one, 0, background(1, 200))
    apply(one, 1, [case(1000 + i, "ketamine", "Coma") for i in range(3)])
    found = {row.kind: row.priority for row in rows(store, tables.signals)}
    assert found == {"case_review": "high", "screening": "normal"}
    with store.read() as connection:
        sent = connection.execute(select(tables.outbox.c.key, tables.outbox.c.value)).all()
    kinds = {json.loads(row.value)["kind"]: row.key for row in sent}
    assert kinds["case_review"] == b"case_review\x1fspontaneous\x1fketamine\x1fComa"
    assert kinds["screening"] == b"screening\x1fspontaneous\x1fketamine\x1fComa"


def test_a_fatal_case_is_raised_and_taken_back_when_a_version_says_otherwise(store: Store) -> None:
    one = detector(store)
    fatal = case(1, "esketamine", "Cough", day=2)
    fatal = msgspec.structs.replace(fatal, events=(CodedEvent("Cough", DAY + 2, fatal=DAY + 4),))
    apply(one, 0, [fatal])
    apply(one, 1, [case(1, "esketamine", "Cough", day=2, revision=2)])
    apply(one, 2, [msgspec.structs.replace(fatal, revision=3)])
    gone = Change("case", case_id=1, revision=4, status="nullified")
    apply(one, 3, [gone])
    assert history(store, "case_review") == [
        ("first_held", "fatal_unlisted", 0),
        ("holds_no_longer", "fatal_unlisted", 1),
        ("holds_again", "fatal_unlisted", 2),
        ("holds_no_longer", "fatal_unlisted", 3),
    ]
    (rule,) = rows(store, tables.signal_rules)
    assert (rule.holds, rule.data_date) == (False, "2025-01-05")


def test_what_is_reviewed_is_said_at_its_own_message_whatever_the_batch(store: Store) -> None:
    one = detector(store)
    gone = Change("case", case_id=2, revision=2, status="nullified")
    messages = [[case(1, "ketamine", "Nausea")], [case(2, "ketamine", "Coma")], [gone]]
    one.apply([(i, Changes(VERSION, tuple(changes))) for i, changes in enumerate(messages)])
    assert history(store, "case_review") == [
        ("first_held", "designated_event", 1),
        ("holds_no_longer", "designated_event", 2),
    ]


def test_a_changed_list_is_looked_at_when_the_detector_is_made_anew(
    store: Store, tmp_path: Path
) -> None:
    apply(detector(store), 0, [case(1, "ketamine", "Coma"), case(2, "ketamine", "Cough")])
    events = tmp_path / "events.toml"
    events.write_text('events = ["Cough"]')
    configuration = Configuration.load(Settings(case_review=events))
    assert configuration.digest() != Configuration.load().digest()
    apply(Detector(store, configuration, LOG), 1, background(10, 1))
    found = {row.event: row.id for row in rows(store, tables.signals)}
    holds = {row.signal_id: row.holds for row in rows(store, tables.signal_rules)}
    assert {event: holds[number] for event, number in found.items()} == {
        "Coma": False,
        "Cough": True,
    }
