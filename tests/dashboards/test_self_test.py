"""What the self-test says: of negative controls by hand, of permutations beside the live scores."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import func, select, update
from starlette.applications import Starlette

from dashboards import self_test
from dashboards.board.self_test import Canary
from dashboards.metrics import metrics_route
from dashboards.self_test import ANY, SelfTest
from dashboards.web import create_web
from detectors.calibration.false_alarms import false_alarms
from detectors.disproportionality.ebgm import ebgm
from detectors.disproportionality.gps import Prior
from streams.store import tables
from streams.store.fits import Fit, Fits
from streams.store.writing import upsert
from tests.dashboards.board.conftest import Board, empty
from tests.dashboards.board.test_pages import text
from tests.dashboards.reports.support import Told, background, cystitis, report, told
from tests.dashboards.support import Filled
from tests.streams.gateway.serving import running

__all__ = ["empty"]

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(filled: Filled, test: SelfTest) -> Samples:
    registry = CollectorRegistry()
    route = metrics_route(filled.store, filled.settings, registry, filled.log, test)
    with running(Starlette(routes=[route])) as url:
        answer = httpx.get(f"{url}/metrics", trust_env=False)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name.startswith(("ketavigil_control", "ketavigil_permuted"))
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"ketavigil_{name}", tuple(sorted(labels.items()))]


def controls(filled: Filled) -> None:
    """Six pairs with an event of the list; four can be judged, and of them two cried wolf."""
    pairs = {
        ("spontaneous", "ketamine", "Onychomycosis"): 4,
        ("spontaneous", "ketamine @home", "Onychomycosis"): 3,  # the product's own, not one more
        ("spontaneous", "esketamine", "SCABIES"): 1,
        ("spontaneous", "arketamine", "Measles"): 3,
        ("solicited", "ketamine", "Bunion"): 3,
        ("spontaneous", "sertraline", "Bunion"): 9,  # is not watched
        ("spontaneous", "ketamine", "Cystitis"): 5,  # is none
    }
    with filled.store.write() as connection:
        for pair, n in pairs.items():
            watched = pair[1] != "sertraline"
            counts = (n, 40, 20, 9_000)
            filled.score(connection, [(pair, counts)], position=9, watched=watched)
        home = ("spontaneous", "ketamine @home", "Onychomycosis")
        filled.signal(connection, home, position=9, n=3, rules={"ic025": True, "ror025": False})
        # its last report was taken back, and it had cried wolf all the same
        gone = ("spontaneous", "ketamine", "Lipoma")
        filled.signal(connection, gone, position=7, n=3, rules={"ic025": False})
        review = ("spontaneous", "arketamine", "Measles")
        filled.signal(
            connection, review, position=9, n=1, rules={"fatal_unlisted": True}, kind="case_review"
        )
        cystitis = ("spontaneous", "ketamine", "Cystitis")
        filled.signal(connection, cystitis, position=9, n=5, rules={"ic025": True})


def test_the_rate_counts_control_pairs_that_a_screening_rule_ever_raised(empty: Board) -> None:
    controls(empty.filled)
    test = SelfTest(empty.filled.store, empty.filled.settings)
    with empty.filled.store.read() as connection:
        found = test.read_controls(connection)
    assert [(one.product, one.event, one.n, one.raised, one.held) for one in found.judged] == [
        ("ketamine", "Onychomycosis", 4, ("ic025", "ror025"), ("ic025",)),
        ("ketamine", "Lipoma", 0, ("ic025",), ()),
        ("arketamine", "Measles", 3, (), ()),
        ("ketamine", "Bunion", 3, (), ()),
        ("esketamine", "SCABIES", 1, (), ()),
    ]
    rates = found.rates(test.rules)
    assert rates["spontaneous", "ic025"] == false_alarms(2, 4)
    assert rates["spontaneous", "ror025"] == false_alarms(1, 4)
    assert rates["spontaneous", "eb05"] == false_alarms(0, 4)
    assert rates["spontaneous", ANY] == false_alarms(2, 4)
    assert rates["solicited", ANY] == false_alarms(0, 1)
    samples = scrape(empty.filled, test)
    named = {"dataset": "spontaneous", "rule": "ic025"}
    assert value(samples, "control_pairs", **named) == 4
    assert value(samples, "control_alarms", **named) == 2
    for bound in ("estimate", "lower", "upper"):
        expected = false_alarms(2, 4)
        of = expected.rate if bound == "estimate" else getattr(expected, bound)
        assert value(samples, "control_alarm_rate", **named, bound=bound) == of
    shown = text(empty.get("/self-test"))
    # 2 of 4: Clopper and Pearson give 6.8 to 93.2 %
    assert "spontaneous IC025 4 2 50.0 % 6.8 % 93.2 %" in shown
    assert "solicited any of them 1 0 0.0 % 0.0 % 97.5 %" in shown
    assert "ketamine with Lipoma spontaneous 0 IC025 none" in shown


def test_an_event_is_no_control_for_the_products_that_may_cause_it(
    empty: Board, tmp_path: Path
) -> None:
    own = tmp_path / "controls.toml"
    own.write_text(
        'sets = ["ketamine", "esketamine"]\n[[control]]\nevent = "Hiccups"\nreason = "a test"\n'
        'except = ["esketamine"]\nbecause = "a test"\n',
        encoding="utf-8",
    )
    with empty.filled.store.write() as connection:
        for product in ("ketamine", "esketamine", "tiletamine"):
            pair = ("spontaneous", product, "Hiccups")
            empty.filled.score(connection, [(pair, (3, 40, 20, 9_000))], position=9)
    test = SelfTest(empty.filled.store, replace(empty.filled.settings, controls=own))
    with empty.filled.store.read() as connection:
        found = test.read_controls(connection)
    assert [one.product for one in found.judged] == ["ketamine"]


def test_without_data_the_page_says_that_there_is_no_rate(empty: Board) -> None:
    shown = text(empty.get("/self-test"))
    assert (
        "No control pair has a report yet, so there is no rate. That is not a rate of 0." in shown
    )
    assert "Not made yet" in shown
    assert "reports switched off" in shown
    assert "Onychomycosis fungal infection of the nail" in shown


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    with told(tmp_path / "data", monkeypatch) as made:
        made.tell(background(1, 200))
        made.tell(cystitis(300, 8))
        made.tell([report(400 + i, "Ketalar", "Cystitis") for i in range(3)])
        # lack of effect is never raised, however frequent
        made.tell([report(500 + i, "Ketalar", "Drug ineffective") for i in range(6)])
        made.checkpoint()
        yield made


def test_what_is_flagged_in_the_data_is_what_the_live_rules_hold_for(store: Told) -> None:
    test = SelfTest(store.filled.store, store.settings)
    made = test.permute()
    assert (made.position, made.cases, made.permutations) == (store.position, 217, 20)
    table = tables.scores
    watched = (table.c.watched, ~table.c.product.contains(" @"))
    conditions = {
        "ic025": (table.c.ic025 > 0) & (table.c.n >= 3),
        "evans_prr": (table.c.prr >= 2) & (table.c.chi2_yates >= 4) & (table.c.n >= 3),
        "ror025": (table.c.ror_lower > 1) & (table.c.n >= 3),
    }
    with store.filled.store.read() as connection:
        for rule, holds in conditions.items():
            raised = table.c.event != "Drug ineffective"
            query = select(func.count()).where(*watched, raised, holds)
            assert made.found["spontaneous", rule].flagged == connection.scalar(query), rule
    assert ("spontaneous", "eb05") not in made.found  # these cases fit no prior
    found = made.found["spontaneous", ANY]
    assert found.flagged >= 4
    assert len(found.permuted) == 20
    # half of the watched reports have the same event, which dealing out undoes
    assert max(found.permuted) < found.flagged
    assert found.rate == pytest.approx(sum(found.permuted) / 20 / found.flagged)


def test_ebgm_has_the_prior_of_the_newest_checkpoint(store: Told) -> None:
    prior = Prior(0.2, 0.06, 1.4, 1.8, 0.1)
    fits = Fits(store.position, {"spontaneous": Fit(40, prior, 1.0, 4)}).to_json()
    table = tables.scores
    with store.filled.store.write() as connection:
        connection.execute(update(tables.checkpoints).values(fits=fits))
        rows = connection.execute(
            select(table.c.n, table.c.expected).where(
                table.c.watched,
                ~table.c.product.contains(" @"),
                table.c.event != "Drug ineffective",
            )
        ).all()
    n, expected = zip(*rows, strict=True)
    made = SelfTest(store.filled.store, store.settings).permute()
    flagged = int((ebgm(n, expected, prior).lower >= 2).sum())
    assert made.found["spontaneous", "eb05"].flagged == flagged > 0


def test_the_same_cases_give_the_same_permutations_and_new_ones_are_permuted_anew(
    store: Told,
) -> None:
    test, other = (SelfTest(store.filled.store, store.settings) for _ in range(2))
    first = test.permute()
    assert test.permute() is first
    assert other.permute().found == first.found
    store.tell(cystitis(600, 1))
    assert test.permute().position == store.position > first.position


def test_the_web_process_permutes_by_itself_and_shows_what_came(
    store: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_test, "FIRST", 0.01)
    settings = replace(store.settings, self_test_seconds=30.0)
    test = SelfTest(store.filled.store, settings)

    async def run() -> None:
        task = asyncio.create_task(test.run())
        async with asyncio.timeout(30):
            while test.permuted is None:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    made = test.permuted
    assert made is not None
    samples = scrape(store.filled, test)
    assert value(samples, "permuted_position") == made.position
    named = {"dataset": "spontaneous", "rule": "any"}
    found = made.found["spontaneous", ANY]
    assert value(samples, "permuted_pairs", **named, of="data") == found.flagged
    assert value(samples, "permuted_share", **named) == found.rate
    # never, where the settings say so
    asyncio.run(SelfTest(store.filled.store, replace(settings, self_test_seconds=0.0)).run())


@pytest.mark.parametrize(
    ("sent", "interval", "late"),
    [(None, 120.0, True), (1_000.0, 120.0, False), (700.0, 120.0, True), (None, 0.0, False)],
)
def test_a_canary_is_late_when_the_alert_says_so(
    sent: float | None, interval: float, late: bool
) -> None:
    assert Canary("reports", interval, sent, 0.1).late(1_100.0) is late


def test_the_board_shows_the_last_canary_of_each_stream(empty: Board) -> None:
    now = time.time()
    rows = [
        {"name": "canary/reports", "body": json.dumps({"sent": now - 60, "seconds": 0.25})},
        {"name": "canary/followups", "body": json.dumps({"sent": now - 900, "seconds": 0.25})},
    ]
    with empty.filled.store.write() as connection:
        upsert(connection, tables.meters, rows)
    with running(create_web(empty.filled.settings)) as url:
        shown = text(Board(url, empty.filled).get("/self-test"))
    assert re.search(r"reports in time \S+ \S+ 6\d s 0.25 s 2 min", shown)
    assert re.search(r"follow-up records LATE \S+ \S+ 15 min", shown)
