"""`/metrics`: exact values, from one snapshot of a store filled by hand."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, update
from starlette.applications import Starlette

from dashboards.board.health import senders
from dashboards.exposition import encoded
from dashboards.metrics import metrics_route, parts_route
from dashboards.scored import MOST_OF_COHORT, MOST_PAIRS, MOST_SIGNALS, RATES
from dashboards.web import create_web
from streams.agents.freshness import record_freshness
from streams.gateway.canary import Canaries
from streams.sealing import Sealer
from streams.store import tables
from streams.store.scores import drop_score
from streams.store.writing import upsert
from tests.dashboards.followups import clinic, detect, follow
from tests.dashboards.support import PAIR, Filled, fill
from tests.monitoring import run
from tests.streams.gateway.serving import running

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    found = Filled(tmp_path)
    fill(found)
    yield found
    found.close()


@pytest.fixture
def url(filled: Filled) -> Iterator[str]:
    registry = CollectorRegistry()
    Counter("ketavigil_refusals", "Requests.", ["reason"], registry=registry).labels("no_key").inc()
    route = metrics_route(filled.store, filled.settings, registry, filled.log)
    with running(Starlette(routes=[route])) as found:
        yield f"{found}/metrics"


def scrape(url: str) -> Samples:
    answer = httpx.get(url, trust_env=False)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


def test_every_figure_is_the_one_of_the_store(url: str, filled: Filled) -> None:
    filled.push([b"{}", b"{}"])
    found = scrape(url)
    assert value(found, "ketavigil_records_received", stream="reports") == 19
    expected = {
        "counted": 11,
        "superseded": 2,
        "nullified": 1,
        "duplicate": 1,
        "quarantined": 2,
        "in_flight": 2,
    }
    for name, n in expected.items():
        assert value(found, "ketavigil_records", stream="reports", disposition=name) == n
    assert value(found, "ketavigil_records", stream="followups", disposition="counted") == 0
    assert value(found, "ketavigil_lag_records", topic="reports", partition="0") == 2
    assert value(found, "ketavigil_lag_records", topic="changes", partition="0") == 0
    labels = {"dataset": "spontaneous", "state": "new"}
    assert value(found, "ketavigil_signals", **labels, priority="normal") == 2
    assert value(found, "ketavigil_signals", **labels, priority="high") == 1
    pair = dict(zip(("dataset", "product", "event"), PAIR, strict=True))
    assert value(found, "ketavigil_score", **pair, statistic="n") == 7
    assert value(found, "ketavigil_score", **pair, statistic="expected") == 27 * 37 / 9700
    assert value(found, "ketavigil_score", **pair, statistic="prr") == pytest.approx(
        (7 / 27) / (30 / 9673), rel=1e-12
    )
    detector = value(found, "ketavigil_detector_last_run_timestamp_seconds", detector="detect")
    assert detector == 1_790_000_000.5
    name = "ketavigil_registry_last_record_timestamp_seconds"
    assert value(found, name, registry="clinic-b") == pytest.approx(
        time.time() - 40 * 86_400, abs=120
    )
    assert value(found, "ketavigil_quality_batches_total", result="passed") == 7
    assert value(found, "ketavigil_quality_batches_total", result="flagged") == 2
    assert value(found, "ketavigil_refusals_total", reason="no_key") == 1


def test_freshness_is_a_histogram_with_rising_buckets(url: str) -> None:
    found = scrape(url)
    buckets = {
        dict(labels)["le"]: n
        for (name, labels), n in found.items()
        if name == "ketavigil_freshness_seconds_bucket"
    }
    assert buckets == {"0.05": 3, "0.25": 9, "1.0": 10, "+Inf": 10}
    assert value(found, "ketavigil_freshness_seconds_count") == 10
    assert value(found, "ketavigil_freshness_seconds_sum") == 1.5


def test_a_bucket_of_freshness_names_its_newest_record_in_openmetrics_alone(
    url: str, filled: Filled
) -> None:
    with filled.store.write() as connection:
        record_freshness(connection, [(7, 0.2), (8, 0.24), (9, 0.7)])
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    answer = httpx.get(url, headers=accept, trust_env=False)
    families = openmetrics_families(answer.text)  # type: ignore[no-untyped-call]
    found = {
        sample.labels["le"]: sample.exemplar
        for family in families
        for sample in family.samples
        if sample.name == "ketavigil_freshness_seconds_bucket" and sample.exemplar
    }
    assert {limit: (one.labels, one.value) for limit, one in found.items()} == {
        "0.25": ({"position": "8"}, 0.24),
        "0.75": ({"position": "9"}, 0.7),
    }
    assert all(abs(float(one.timestamp) - time.time()) < 60 for one in found.values())
    plain = httpx.get(url, trust_env=False).text
    assert "# {" not in plain
    assert 'ketavigil_freshness_seconds_bucket{le="0.75"} 12.0' in plain


def test_promtool_finds_nothing_to_complain_of(url: str, filled: Filled) -> None:
    many(filled, 50)
    for body in (httpx.get(url, trust_env=False).text, parts_of()):
        assert run("promtool", "check", "metrics", given=body.encode()) == ""


def parts_of() -> str:
    async def ready() -> dict[str, bool]:
        return {"log": True, "store": False}

    with running(Starlette(routes=[parts_route(ready)])) as other:
        return httpx.get(f"{other}/metrics/parts", trust_env=False).text


def test_a_pair_without_a_case_is_no_longer_there(url: str, filled: Filled) -> None:
    assert any(
        name == "ketavigil_score" and ("product", PAIR[1]) in labels for name, labels in scrape(url)
    )
    with filled.store.write() as connection:
        drop_score(connection, *PAIR)
    assert not any(
        name == "ketavigil_score" and ("product", PAIR[1]) in labels for name, labels in scrape(url)
    )


def test_what_cannot_be_computed_has_no_series(url: str, filled: Filled) -> None:
    pair = ("spontaneous", "esketamine", "Only here")
    with filled.store.write() as connection:
        filled.score(connection, [(pair, (3, 10, 3, 100))], position=9)
    statistics = {
        dict(labels)["statistic"]
        for name, labels in scrape(url)
        if name == "ketavigil_score" and ("event", "Only here") in labels
    }
    assert statistics == {"n", "expected", "ic", "ic025"}


def test_pairs_of_the_background_have_no_series(url: str, filled: Filled) -> None:
    pair = ("spontaneous", "propofol", "Nausea")
    with filled.store.write() as connection:
        filled.score(connection, [(pair, (3, 10, 30, 100))], position=9, watched=False)
    assert not any(("product", "propofol") in labels for _, labels in scrape(url))


def test_a_term_that_nobody_coded_has_a_score_from_three_cases_on(url: str, filled: Filled) -> None:
    n_of = {"His wife Jane says so": 1, "Her son John too": 2, "Felt odd": 3, "Hepatitis": 1}
    n_of["group:urinary"] = 1
    with filled.store.write() as connection:
        filled.score(
            connection,
            [(("spontaneous", "esketamine", e), (n, 40, 30, 100)) for e, n in n_of.items()],
            position=9,
        )
        rules = {"suspect_case": True}
        named = ("spontaneous", "esketamine", "His wife Jane says so")
        filled.signal(connection, named, position=9, n=1, rules=rules, kind="case_review")
    events = {dict(labels)["event"] for name, labels in scrape(url) if name == "ketavigil_score"}
    assert {"Felt odd", "Hepatitis", "group:urinary"} <= events
    text = httpx.get(url, trust_env=False).text
    assert "Jane" not in text
    assert "John" not in text


def many(filled: Filled, pairs: int) -> None:
    with filled.store.write() as connection:
        filled.score(
            connection,
            [
                (("spontaneous", "esketamine", f"Event {i}"), (3 + i % 50, 4000, 90, 90_000))
                for i in range(pairs)
            ],
            position=9,
            points=False,
        )


def test_no_more_than_two_thousand_pairs_those_of_signals_and_the_strongest(
    url: str, filled: Filled
) -> None:
    many(filled, 3000)
    weak = ("spontaneous", "esketamine", "Event 0")
    with filled.store.write() as connection:
        filled.signal(connection, weak, position=9, n=3, rules={"ic025": False})
    found = scrape(url)
    events = {
        dict(labels)["event"]: n
        for (name, labels), n in found.items()
        if name == "ketavigil_score" and ("statistic", "n") in labels
    }
    pairs = {labels[:3] for name, labels in found if name == "ketavigil_score"}
    assert len(pairs) == MOST_PAIRS
    assert events["Event 0"] == 3  # weak, but a signal
    assert "Event 1" not in events  # as weak, and none
    assert "Event 49" in events  # n = 52


def of_cohort(found: Samples) -> dict[tuple[str, str, str], float]:
    """(product, event, statistic): value."""
    return {
        (dict(labels)["product"], dict(labels)["event"], dict(labels)["statistic"]): n
        for (name, labels), n in found.items()
        if name == "ketavigil_score" and ("dataset", "cohort") in labels
    }


def test_the_cohort_has_rates_with_their_limits_and_no_series_without_data(tmp_path: Path) -> None:
    filled = Filled(tmp_path)
    follow(filled, clinic())
    detect(filled)
    try:
        with running(create_web(filled.settings)) as url:
            found = scrape(f"{url}/metrics")
    finally:
        filled.close()
    rates = of_cohort(found)
    # 6 courses of 100 days to the event and 3 of 365: 1,695 days
    assert rates["ketamine", "Haematuria", "n"] == 6
    assert rates["ketamine", "Haematuria", "patient_years"] == pytest.approx(1695 / 365.25)
    assert rates["ketamine", "Haematuria", "rate"] == pytest.approx(6 / (1695 / 365.25))
    # Garwood's limits of 6 events: 2.2019 and 13.0595
    lower, upper = (rates["ketamine", "Haematuria", f"rate_{end}"] for end in ("lower", "upper"))
    assert lower == pytest.approx(2.2019 / (1695 / 365.25), rel=1e-4)
    assert upper == pytest.approx(13.0595 / (1695 / 365.25), rel=1e-4)
    assert rates["esketamine", "Sedation", "share"] == pytest.approx(6 / 21)
    assert ("ketamine", "Haematuria", "share") not in rates
    assert rates["ketamine", "Death", "rate"] == 0
    # of arketamine nobody was asked: no data is no series, and not 0
    assert not any(key[:2] == ("arketamine", "Haematuria") for key in rates)
    assert {key[2] for key in rates} == set(RATES)
    assert not any(" @" in key[0] for key in rates)
    labels = {"dataset": "cohort", "state": "new", "priority": "high"}
    assert value(found, "ketavigil_signals", **labels) == 2


def test_the_cohort_takes_at_most_a_quarter_of_the_pairs(url: str, filled: Filled) -> None:
    many(filled, 3000)
    weak, gone = ("cohort", "ketamine @home", "Event 0"), ("cohort", "ketamine", "Event 1")
    with filled.store.write() as connection:
        connection.execute(
            insert(tables.rates),
            [
                {
                    "product": product,
                    "event": f"Event {i}",
                    "n": i % 3,
                    "days": 0 if i == 1 else 3652,
                    "courses": 1,
                    "sessions": 0,
                    "sessions_with": 0,
                    "rate": (i % 3) / 10,
                    "rate_lower": (i % 3) / 20 + i / 1e6,
                    "rate_upper": 2.0,
                    "lock_day": 739_000,
                    "position": 1,
                }
                for i in range(900)
                for product in ("ketamine", "ketamine @home")
            ],
        )
        for pair in (weak, gone):
            filled.signal(connection, pair, position=9, n=1, rules={"urgent_finding": True})
    found = scrape(url)
    pairs = {
        tuple(dict(labels)[label] for label in ("dataset", "product", "event"))
        for name, labels in found
        if name == "ketavigil_score"
    }
    cohort = {pair for pair in pairs if pair[0] == "cohort"}
    assert (len(pairs), len(cohort)) == (MOST_PAIRS, MOST_OF_COHORT)
    # a stratum and an event of which there is none stand there by their signal, unless without data
    assert weak in cohort
    assert gone not in cohort
    assert ("cohort", "ketamine @home", "Event 2") not in cohort
    # those with events come first: 299 with two, then the 200 of one with the highest lower limit
    assert sum(int(event.split()[1]) % 3 == 2 for _, _, event in cohort) == 300
    ones = sorted(int(event.split()[1]) for _, _, event in cohort if int(event.split()[1]) % 3 == 1)
    assert ones == list(range(1, 900, 3))[-199:]


def open_signals(url: str) -> dict[str, dict[str, str]]:
    """The labels of each, by its number."""
    return {
        dict(labels)["signal"]: dict(labels)
        for name, labels in scrape(url)
        if name == "ketavigil_signal_raised_timestamp_seconds"
    }


def test_an_open_signal_says_when_it_was_raised_until_a_person_closes_it(
    url: str, filled: Filled
) -> None:
    pair = dict(zip(("dataset", "product", "event"), PAIR, strict=True))
    labels = pair | {"signal": "1", "kind": "screening", "priority": "normal", "state": "new"}
    table = tables.signals
    with filled.store.write() as connection:
        connection.execute(update(table).where(table.c.id == 1).values(raised_at=1_790_000_000.25))
    name = "ketavigil_signal_raised_timestamp_seconds"
    assert value(scrape(url), name, **labels) == 1_790_000_000.25
    row = {"signal_id": 1, "state": "validated", "revision": 3, "since": 0.0}
    with filled.store.write() as connection:
        connection.execute(insert(tables.workflow), [row])
    assert open_signals(url)["1"]["state"] == "validated"
    with filled.store.write() as connection:
        connection.execute(update(tables.workflow).values(state="closed"))
    assert set(open_signals(url)) == {"2", "3"}


def test_free_text_that_only_one_case_may_hold_is_not_shown(url: str, filled: Filled) -> None:
    text = "As her husband John told us"
    found = {}
    with filled.store.write() as connection:
        for kind, event in (
            ("case_review", text),
            ("case_review", "Cystitis"),
            ("screening", "Term of three cases"),
        ):
            found[kind, event] = filled.signal(
                connection,
                ("spontaneous", "ketamine", event),
                position=9,
                n=1,
                rules={"x": True},
                kind=kind,
            )
    shown = open_signals(url)
    events = {key: shown[str(number)]["event"] for key, number in found.items()}
    assert events == {
        ("case_review", text): "(a term that is not coded)",
        ("case_review", "Cystitis"): "Cystitis",
        ("screening", "Term of three cases"): "Term of three cases",
    }
    assert "John" not in httpx.get(url, trust_env=False).text


def test_of_very_many_open_signals_the_new_ones_of_high_priority_are_listed(
    url: str, filled: Filled
) -> None:
    with filled.store.write() as connection:
        for i in range(MOST_SIGNALS + 50):
            number = filled.signal(
                connection,
                ("spontaneous", "ketamine", f"Event {i}"),
                position=9,
                n=3,
                rules={},
                priority="high" if i < 30 else "normal",
            )
            if i < 20:
                row = {"signal_id": number, "state": "validated", "revision": 1, "since": 0.0}
                connection.execute(insert(tables.workflow), [row])
    shown = open_signals(url)
    assert len(shown) == MOST_SIGNALS
    assert sum(signal["priority"] == "high" for signal in shown.values()) == 11  # one of `fill`
    assert {signal["state"] for signal in shown.values()} == {"new"}


def test_a_registry_is_silent_on_metrics_when_it_is_on_the_board(url: str, filled: Filled) -> None:
    found = scrape(url)
    with filled.store.read() as connection:
        known = {sender.name: sender for sender in senders(connection)}
    for name in ("clinic-a", "clinic-b"):
        after = value(found, "ketavigil_registry_silent_after_seconds", registry=name)
        last = value(found, "ketavigil_registry_last_record_timestamp_seconds", registry=name)
        assert (last, after) == (known[name].last, known[name].silent_after())


def test_the_canary_has_an_age_and_a_time_once_it_has_come_through(
    url: str, filled: Filled
) -> None:
    def canary() -> dict[str, float]:
        return {
            name: n
            for (name, labels), n in scrape(url).items()
            if name.startswith("ketavigil_canary") and ("stream", "reports") in labels
        }

    assert canary() == {"ketavigil_canary_interval_seconds": 120}
    body = json.dumps({"sent": time.time() - 90, "seconds": 0.25})
    with filled.store.write() as connection:
        upsert(connection, tables.meters, [{"name": "canary/reports", "body": body}])
    found = canary()
    assert found["ketavigil_canary_seconds"] == 0.25
    assert 90 <= found["ketavigil_canary_age_seconds"] < 150
    runs = {
        dict(labels)["detector"]
        for name, labels in scrape(url)
        if name == "ketavigil_detector_last_run_timestamp_seconds"
    }
    assert runs == {"detect"}


def test_a_canary_that_waits_is_no_record_that_waits(url: str, filled: Filled) -> None:
    Canaries(filled.log, Sealer(bytes(32)), filled.settings.partitions()).send("reports")
    found = scrape(url)
    assert value(found, "ketavigil_records", stream="reports", disposition="in_flight") == 0
    lag = [n for (name, _), n in found.items() if name == "ketavigil_lag_records"]
    assert sum(lag) == 0


def test_every_result_of_the_suite_is_there_before_it_happens(url: str) -> None:
    assert value(scrape(url), "ketavigil_quality_batches_total", result="error") == 0


def test_the_signal_that_was_closed_has_no_claim(url: str, filled: Filled) -> None:
    many(filled, 3000)
    weak = ("spontaneous", "esketamine", "Event 0")
    with filled.store.write() as connection:
        number = filled.signal(connection, weak, position=9, n=3, rules={"ic025": False})
        row = {"signal_id": number, "revision": 1, "state": "closed", "since": 0.0}
        connection.execute(insert(tables.workflow), [row])
    assert not any(("event", "Event 0") in labels for _, labels in scrape(url))


def test_names_of_any_kind_read_back_as_they_are_in_both_formats(url: str, filled: Filled) -> None:
    name = 'a "b" \\ c\nd é'
    with filled.store.write() as connection:
        filled.score(
            connection, [(("spontaneous", "esketamine", name), (3, 10, 30, 100))], position=9
        )
    assert any(("event", name) in labels for _, labels in scrape(url))
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    answer = httpx.get(url, headers=accept, trust_env=False)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    families = {family.name: family for family in openmetrics_families(answer.text)}  # type: ignore[no-untyped-call]
    events = {sample.labels["event"] for sample in families["ketavigil_score"].samples}
    assert name in events
    assert families["ketavigil_quality_batches"].type == "counter"


def test_the_scores_are_written_as_the_library_writes_them(filled: Filled) -> None:
    many(filled, 20)
    registry = CollectorRegistry()
    metrics_route(filled.store, filled.settings, registry, filled.log)
    ours = sorted(encoded(registry, generate_latest).splitlines())
    assert ours == sorted(generate_latest(registry).splitlines())


def test_a_log_that_is_away_is_an_error_and_not_half_of_the_numbers(
    url: str, filled: Filled, tmp_path: Path
) -> None:
    filled.log.close()
    for path in tmp_path.glob("log.db*"):
        path.unlink()
    answer = httpx.get(url, trust_env=False)
    assert (answer.status_code, answer.text) == (503, "log_away\n")


def test_which_part_is_away_is_told_where_the_figures_are_not(tmp_path: Path) -> None:
    filled = Filled(tmp_path)
    with running(create_web(filled.settings)) as url:
        assert parts(url) == {"log": 1, "store": 1}
        for path in tmp_path.glob("log.db*"):
            path.unlink()
        assert httpx.get(f"{url}/metrics", trust_env=False).status_code == 503
        assert parts(url) == {"log": 0, "store": 1}
    filled.close()


def parts(url: str) -> dict[str, float]:
    found = scrape(f"{url}/metrics/parts")
    return {
        dict(labels)["part"]: n
        for (name, labels), n in found.items()
        if name == "ketavigil_part_reachable"
    }


def test_the_web_process_serves_its_own_refusals_with_the_rest(tmp_path: Path) -> None:
    filled = Filled(tmp_path)
    try:
        with running(create_web(filled.settings)) as url:
            assert httpx.post(f"{url}/v1/reports", trust_env=False).status_code == 401
            found = scrape(f"{url}/metrics")
    finally:
        filled.close()
    reasons = {
        dict(labels)["reason"]: n
        for (name, labels), n in found.items()
        if name == "ketavigil_refusals_total"
    }
    assert sum(reasons.values()) == 1
    assert value(found, "ketavigil_records_received", stream="reports") == 0
