"""The page of what would have been found by now; no data is no news."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from scipy.stats import binom, poisson
from sqlalchemy import insert

from dashboards.analysis.standing import Standing
from dashboards.board import silent, silent_cohort
from dashboards.board.silent import Filters, Row, Watched
from dashboards.web import create_web
from detectors.calibration.permutation import by_rule
from detectors.disproportionality import ebgm
from detectors.disproportionality.gps import Prior
from detectors.followup import protocol
from detectors.followup.counted import backgrounds
from detectors.followup.looks import ALPHA
from detectors.followup.protocol import definition
from detectors.rules import read
from detectors.sequential.eprocess_background import eprocess_background
from detectors.sequential.family import needed
from streams.store import tables
from streams.store.fits import Fit
from tests.dashboards.board.conftest import Board
from tests.dashboards.board.test_pages import text
from tests.dashboards.followups import clinic
from tests.dashboards.reports.support import Told, background, report, told
from tests.streams.gateway.serving import running

PRODUCTS = ("esketamine", "ketamine", "tiletamine")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """80 others, four of them with cystitis, and 30 of esketamine with nausea."""
    with told(tmp_path / "data", monkeypatch) as made:
        made.tell(background(1, 80))
        made.tell([report(200 + i, "Spravato", "Headache") for i in range(30)])
        yield made


@pytest.fixture
def followed(store: Told) -> Told:
    """And courses of two products over a year."""
    store.tell(clinic(), "followups")
    store.checkpoint()
    return store


@pytest.fixture
def board(store: Told) -> Iterator[Board]:
    with running(create_web(store.settings)) as url:
        yield Board(url, store.filled)


def reports(store: Told, rule: str = "ic025", **given: str) -> silent.Page:
    deployment = store.setting.configuration
    kept = Standing(deployment.vocabulary, deployment.watchlist)
    flag = by_rule(next(one for one in read() if one.name == rule))
    filters = Filters.of({"rule": rule} | given)
    with store.filled.store.read() as connection:
        return silent.reports(connection, kept, filters, flag, Watched(PRODUCTS, ("Cystitis",)))


def row(page: silent.Page, product: str, event: str, rule: str = "") -> Row:
    return next(
        one
        for one in page.rows
        if (one.product, one.event) == (product, event) and rule in ("", one.rule)
    )


def test_the_ratio_is_the_one_that_the_rule_finds_in_four_of_five(store: Told) -> None:
    page = reports(store)
    found = row(page, "esketamine", "Cystitis")
    # 30 reports of the product, 4 of 80 others with the event
    assert (found.n, found.exposure) == (0, 30)
    assert found.expected == pytest.approx(30 * 4 / 80)
    assert found.fewest is not None
    assert found.ratio is not None
    share = found.ratio * 4 / 80
    assert binom.sf(found.fewest - 1, 30, share) == pytest.approx(0.8, abs=1e-6)
    flag = by_rule(read()[0])
    deployment = store.setting.configuration
    with store.filled.store.read() as connection:
        _, table, days = Standing(deployment.vocabulary, deployment.watchlist).watched(
            connection, "spontaneous", [("esketamine", "Cystitis")]
        )
    assert (table.n_product[0], table.n_total[0]) == (30, 110)
    assert days == [1]
    assert not flag(table)[0]


def test_a_rule_that_rests_on_a_prior_is_judged_under_that_of_the_newest_checkpoint(
    store: Told, board: Board
) -> None:
    """Of 30 reports 1.5 are expected: EB05 at every count, by the method alone."""
    assert "no data: no prior was fitted" in text(board.get("/silence?rule=eb05"))
    prior = Prior(0.2, 0.06, 1.4, 1.8, 0.1)
    with store.filled.store.write() as connection:
        fits = {"spontaneous": Fit(40, prior, 812.5, 4)}
        store.filled.checkpoint(connection, store.position, fits)
    rows = list(csv.DictReader(io.StringIO(board.get("/silence.csv?rule=eb05&product=esketamine"))))
    (found,) = [one for one in rows if one["event"] == "Cystitis"]
    n = np.arange(1, 31)
    # the event's reports are 4 and those of the pair, of 110 in all
    lower = ebgm.ebgm(n, 30 * (4 + n) / 110, prior)[1]
    fewest = int(n[lower >= 2][0])
    assert float(found["fewest"]) == fewest
    share = float(found["ratio"]) * 4 / 80
    assert binom.sf(fewest - 1, 30, share) == pytest.approx(0.8, abs=1e-6)


def test_no_data_is_shown_as_no_data(store: Told, board: Board) -> None:
    page = reports(store)
    assert row(page, "tiletamine", "Cystitis").why == "no report of the product"
    assert row(page, "tiletamine", "Cystitis").ratio is None
    shown = text(board.get("/silence?product=tiletamine"))
    assert "no data: no report of the product" in shown
    assert "“No data” is neither good nor bad news." in shown


def test_an_event_that_nobody_else_has_gives_no_ratio(store: Told) -> None:
    store.tell([report(400, "Ketalar", "Headache")])
    # nausea is in the family of this store; fits of the family's other events are in no report
    page = reports(store)
    assert row(page, "ketamine", "Cystitis").why == ""
    store.tell([one | {"version": 2, "status": "nullified"} for one in background(1, 80)])
    page = reports(store)
    assert row(page, "ketamine", "Cystitis").why == "no other report of the event"


def test_a_pair_with_a_signal_is_not_silent(store: Told) -> None:
    before = reports(store)
    store.tell([report(300 + i, "Spravato", "Cystitis") for i in range(9)])
    after = reports(store)
    assert after.signalled > before.signalled
    assert "Cystitis" not in {one.event for one in after.rows if one.product == "esketamine"}


def test_more_reports_make_a_smaller_ratio_visible(store: Told) -> None:
    before = row(reports(store), "esketamine", "Cystitis")
    store.tell([report(500 + i, "Spravato", "Rash") for i in range(60)])
    after = row(reports(store), "esketamine", "Cystitis")
    assert before.ratio is not None
    assert after.ratio is not None
    assert after.ratio < before.ratio


def cohort(store: Told) -> silent.Page:
    with store.filled.store.read() as connection:
        return silent_cohort.cohort(connection, Filters("cohort"), PRODUCTS)


def test_a_test_with_a_horizon_would_have_found_its_ratio(followed: Told) -> None:
    test = next(one for one in protocol.read().poisson if one.name == "death_esketamine")
    with followed.filled.store.write() as connection:
        connection.execute(
            insert(tables.cohort_tests), [{"test": test.name, "definition": definition(test)}]
        )
        added = {"test": test.name, "stratum": "", "day": 739_700, "n": 0.0, "other": 40.0}
        connection.execute(insert(tables.cohort_additions), [added | {"position": 3}])
    found = row(cohort(followed), "esketamine", "Death", "death_esketamine")
    assert found.exposure == 40
    rate = backgrounds().named("death_sustain_3", "Death").value
    assert found.expected == pytest.approx(found.exposure * rate)
    assert found.ratio is not None
    assert found.fewest == 3
    assert found.expected is not None
    # one look so far: three deaths or more, of a Poisson count, in four of five
    assert poisson.sf(2, found.ratio * found.expected) == pytest.approx(0.8, abs=1e-6)
    assert found.days is not None
    assert 0 < (found.chance or 0) < 1


def test_the_evidence_of_the_family_asks_for_as_many_as_it_says(followed: Told) -> None:
    page = cohort(followed)
    found = row(page, "esketamine", "Completed suicide", "above_background")
    (rate,) = [one for one in backgrounds().of("Completed suicide") if one.default]
    assert found.fewest is not None
    assert found.ratio is not None
    n = [found.fewest - 1, found.fewest]
    with followed.filled.store.read() as connection:
        size = silent_cohort.family_size(connection)
    assert size is not None
    values = eprocess_background(n, found.exposure, *rate.counted)
    asked = needed(1, ALPHA, size)
    assert values[0] < asked <= values[1]
    expected = found.exposure * rate.counted[0] / rate.counted[1]
    assert poisson.sf(found.fewest - 1, found.ratio * expected) == pytest.approx(0.8, abs=1e-6)


def test_nobody_at_risk_is_no_data_in_the_cohort(followed: Told, board: Board) -> None:
    assert row(cohort(followed), "tiletamine", "Completed suicide").why == "nobody was at risk"
    assert row(cohort(followed), "esketamine", "group:stroke", "stroke_esketamine").ratio is None
    shown = text(board.get("/silence?dataset=cohort&product=tiletamine"))
    assert "no data: nobody was at risk" in shown
    assert "Smallest rate ratio" in shown


def test_without_anything_the_page_says_that_it_says_nothing(empty: Board) -> None:
    for query in ("", "?dataset=solicited", "?dataset=cohort", "?rule=nothing&page=99"):
        shown = text(empty.get(f"/silence{query}"))
        assert "No signal is not no harm." in shown
        assert "That does not show that the products are safe." in shown or "no data" in shown


def test_the_csv_has_every_row_with_its_filters_in_the_name(board: Board) -> None:
    with board.client() as client:
        answer: httpx.Response = client.get("/silence.csv?product=esketamine&rule=evans_prr")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(rows[0]) == list(Row.__slots__)
    assert {one["product"] for one in rows} == {"esketamine"}
    assert {one["rule"] for one in rows} == {"evans_prr"}
    name = re.findall(r'filename="([^"]*)"', answer.headers["content-disposition"])[0]
    assert name.startswith("silence-spontaneous-evans_prr-esketamine-at-")
    (cystitis,) = [one for one in rows if one["event"] == "Cystitis"]
    assert cystitis["expected"] == "1.5"
    assert cystitis["why"] == ""


def test_a_long_list_comes_in_parts(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboards.board.silence.PAGE", 20)
    monkeypatch.setattr(silent, "PAGE", 20)
    first, second = (board.get(f"/silence?page={number}") for number in (1, 2))
    assert '<a rel="next" href="/silence?page=2">' in first
    assert '<a rel="prev" href="/silence?">' in second
    events = [re.findall(r'class="event">([^<]*)<', page) for page in (first, second)]
    assert [len(part) for part in events] == [20, 20]
