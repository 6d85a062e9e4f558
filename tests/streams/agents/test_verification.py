"""Verification finds what was changed behind the detector's back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import inf, nextafter
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from schemas.envelope import VERSION, Change, Changes, CodedEvent, CodedProduct, encode
from schemas.vocabulary import Watchlist
from streams.agents.check import Check
from streams.agents.configuration import Configuration
from streams.agents.detector import Detector
from streams.agents.verification import check_rebuild
from streams.store import tables
from streams.store.store import Store, bind_log, open_store
from tests.market import pairs

LOG = "the log of this test"
DAY = 739_000


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """1,500 cases of many products, stored, counted and scored at a checkpoint."""
    opened = open_store(store_url)
    with opened.write() as connection:
        bind_log(connection, "detect", LOG, {("changes", 0): 10})
    changes = []
    for number, (product, event) in enumerate(pairs(1500), 1):
        name = "ketamine" if product == 7 else f"OTHER {product}"
        changes.append(
            Change(
                "case",
                case_id=number,
                revision=1,
                products=(CodedProduct(name, "suspect", DAY),),
                events=(CodedEvent(f"Event {event}", DAY),),
            )
        )
    with opened.write() as connection:
        for change in changes:
            number = change.case_id
            common = {"id": number, "sender": "s", "report_id": f"r-{number}"}
            connection.execute(
                insert(tables.cases).values(
                    **common, key=f"k-{number}", stream="reports", newest=number, revision=1
                )
            )
            connection.execute(
                insert(tables.versions).values(
                    id=number,
                    case_id=number,
                    information_date="2024-04-24",
                    sort_key="2024-04-24",
                    content_hash=b"h",
                    status="active",
                    version_conflict=False,
                    body=b"{}",
                    coded=encode(change),
                )
            )
    Detector(opened, Configuration.load(), LOG).apply(
        [(0, Changes(VERSION, (*changes, Change("checkpoint", reason="verify"))))]
    )
    yield opened
    opened.close()


def checked(store: Store) -> Check:
    with store.read() as connection:
        return check_rebuild(connection, Watchlist.load())


def write(store: Store, statement: Any) -> None:
    with store.write() as connection:
        connection.execute(statement)


def test_what_the_detector_wrote_is_what_a_batch_computes(store: Store) -> None:
    found = checked(store)
    assert found.holds
    assert found.figures["cases"] == 1500
    assert (found.figures["priors"], found.figures["priors_differing"]) == (1, 0)
    with store.read() as connection:
        assert connection.scalars(select(tables.scores.c.fit).distinct()).all() == [0]


@pytest.mark.parametrize("column", ["eb05", "ic025"])
def test_a_score_that_is_off_by_its_last_bit_is_found(store: Store, column: str) -> None:
    table = tables.scores
    where = (table.c.product == "ketamine") & (table.c.event == "Event 0")
    with store.read() as connection:
        value = connection.execute(select(table.c[column]).where(where)).scalar_one()
    write(store, update(table).where(where).values({column: nextafter(value, inf)}))
    found = checked(store)
    assert (found.differences, found.figures["scores_differing"]) == (1, 1)


def test_a_prior_that_is_not_the_one_fitted_is_found(store: Store) -> None:
    table = tables.checkpoints
    with store.read() as connection:
        fits = json.loads(connection.scalar(select(table.c.fits)) or "")
    fits["spontaneous"]["prior"][0] *= 1 + 2**-50
    write(store, update(table).values(fits=json.dumps(fits)))
    found = checked(store)
    assert (found.differences, found.figures["priors_differing"]) == (1, 1)


def test_a_score_that_names_another_fit_is_found(store: Store) -> None:
    write(store, update(tables.scores).where(tables.scores.c.event == "Event 3").values(fit=7))
    assert checked(store).figures["scores_differing"] > 1
