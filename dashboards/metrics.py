"""`/metrics`: what the store knows, read in one snapshot of it for each scrape.

| metric | labels | meaning |
|---|---|---|
| `ketavigil_records_received` | stream | records received, those in flight included |
| `ketavigil_records` | stream, disposition | what became of them, each counted on its own |
| `ketavigil_refusals_total` | reason | requests refused whole (the gateway's own counter) |
| `ketavigil_freshness_seconds` | | histogram: durable to scored; exemplars name a position |
| `ketavigil_lag_records` | topic, partition | entries of the log that wait for their agent |
| `ketavigil_signals` | dataset, state, priority | signals |
| `ketavigil_signal_raised_timestamp_seconds` | signal, pair, kind, priority, state | open ones |
| `ketavigil_score` | dataset, product, event, statistic | `STATISTICS`, `RATES` of watched pairs |
| `ketavigil_detector_last_run_timestamp_seconds` | detector | when an agent last scored |
| `ketavigil_registry_last_record_timestamp_seconds` | registry | newest record of who pushes |
| `ketavigil_key_expires_timestamp_seconds` | registry | end of the key that it used last |
| `ketavigil_registry_silent_after_seconds` | registry | how long it may say nothing |
| `ketavigil_canary_age_seconds` | stream | since the newest canary that came through was sent |
| `ketavigil_canary_seconds` | stream | how long that one took; `_interval_`: how often one goes |
| `ketavigil_quality_batches_total` | result | batches seen by the quality suite |
| `ketavigil_coding_drift_log_e` | sender, what, direction | and `_limit`: drift of coding |
| `ketavigil_control_pairs`, `_alarms` | dataset, rule | negative controls; those ever raised |
| `ketavigil_control_alarm_rate` | dataset, rule, bound | their share: estimate, lower, upper |
| `ketavigil_permuted_pairs` | dataset, rule, of | flagged in the data, and by chance |
| `ketavigil_permuted_share` | dataset, rule | the one over the other; `_position`: as of |

`ketavigil_part_reachable{part}` stands at `/metrics/parts`, answered without log and store too.

A pair without a case has no score, so its series end. Scores are of at most 2,000 pairs: those of
open signals first, then the highest lower limit of the IC; a term that is not coded is free text,
and stands here from three cases with it on. Up to 500 of them are pairs of the
cohort, which have rates: those of open signals first, then those with an event, the highest lower
limit of the rate first. They are per patient-year; `share` is of sessions, where an event is
counted by session. A pair of which nobody was at risk has none: no data is not 0.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from sqlalchemy import Connection, select
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dashboards import scored, tested
from dashboards.board.health import (
    batches,
    freshness_buckets,
    freshness_examples,
    senders,
)
from dashboards.expiry import key_ends
from dashboards.exposition import exposed
from dashboards.lag import Behind, Lag, in_flight
from dashboards.self_test import SelfTest
from schemas.errors import LogError, StoreError
from schemas.vocabulary import Vocabulary
from streams.log import open_log
from streams.log.base import Log
from streams.settings import Settings
from streams.store import tables
from streams.store.conservation import conservation
from streams.store.store import Store

RESULTS = ("passed", "flagged", "error")
_UNCACHED = {"cache-control": "no-store"}


def metrics_route(
    store: Store,
    settings: Settings,
    registry: CollectorRegistry,
    log: Log | None = None,
    test: SelfTest | None = None,
) -> Route:
    """The route `/metrics`; the store's metrics join those already in the registry.

    `log` is read only; without one the log of the settings is opened. Where the store or the log
    cannot be read the answer is 503: half of the numbers would look like a change of all. `test`:
    without one there is nothing of the self-test.
    """
    lag = Lag(log or open_log(settings.broker), settings.partitions())
    registry.register(Snapshot(store, lag, settings, test))

    def metrics(request: Request) -> Response:
        try:
            body, kind = exposed(registry, request.headers.get("accept", ""))
        except (StoreError, LogError) as error:
            return PlainTextResponse(f"{error.code}\n", 503)
        return Response(body, headers={"content-type": kind} | _UNCACHED)

    return Route("/metrics", metrics)


def parts_route(ready: Callable[[], Awaitable[Mapping[str, bool]]]) -> Route:
    """The route `/metrics/parts`: whether log and store can be used, which `/metrics` needs itself.

    `ready` says so of each part. Apart from `/metrics`, so that this is answered when it is not.
    """

    async def parts(request: Request) -> Response:
        registry = CollectorRegistry()
        gauge = Gauge(
            "ketavigil_part_reachable",
            "Whether the web process can use the log, and the store.",
            ["part"],
            registry=registry,
        )
        for part, well in (await ready()).items():
            gauge.labels(part).set(well)
        body = generate_latest(registry)
        return Response(body, media_type="text/plain; version=0.0.4", headers=_UNCACHED)

    return Route("/metrics/parts", parts)


class Snapshot(Collector):
    """Reads the store, and the log's ends, when it is collected."""

    def __init__(
        self, store: Store, lag: Lag, settings: Settings, test: SelfTest | None = None
    ) -> None:
        self._store, self._lag, self._test = store, lag, test
        self._vocabulary = Vocabulary.load(settings.vocabulary)
        self._canary_seconds = settings.canary_seconds
        self._lock = threading.Lock()
        self._known: tuple[object, list[Metric]] = (None, [])

    def describe(self) -> list[Metric]:
        """Nothing: a registry would collect once at registration to learn the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        with self._lock, self._store.read() as connection:
            behind = self._lag.read(connection)
            yield from self._counted(connection, behind)
            yield _keys(connection)
            yield _freshness(connection)
            yield _lag(behind)
            yield scored.signals(connection)
            yield scored.raised(connection, self._vocabulary)
            yield scored.scores(connection, self._vocabulary)
            yield _runs(connection)
            yield _batches(connection)
            yield from tested.drift(connection)
            yield from tested.canary(connection, self._canary_seconds)
            if self._test is not None:
                yield from tested.controls(connection, self._test)
                yield from tested.permuted(self._test)

    def _counted(self, connection: Connection, behind: list[Behind]) -> list[Metric]:
        """What only moves with the positions is not counted again while they stand."""
        table = tables.positions
        rows = connection.execute(
            select(table.c.consumer, table.c.topic, table.c.partition, table.c.next_offset)
        )
        state = (sorted(tuple(row) for row in rows), behind)
        if self._known[0] != state:
            self._known = (state, [*_records(connection, behind), *_registries(connection)])
        return self._known[1]


def _records(connection: Connection, behind: list[Behind]) -> list[Metric]:
    received = GaugeMetricFamily(
        "ketavigil_records_received", "Records received, in flight included.", labels=["stream"]
    )
    became = GaugeMetricFamily(
        "ketavigil_records", "What became of them.", labels=["stream", "disposition"]
    )
    for stream, law in conservation(connection, in_flight(behind)).items():
        received.add_metric([stream], law.received)
        for disposition, n in law.disposed.items():
            became.add_metric([stream, disposition], n)
    return [received, became]


def _registries(connection: Connection) -> list[Metric]:
    last = GaugeMetricFamily(
        "ketavigil_registry_last_record_timestamp_seconds",
        "When the newest record of a registry that pushes was taken.",
        labels=["registry"],
    )
    after = GaugeMetricFamily(
        "ketavigil_registry_silent_after_seconds",
        "How long nothing may come before a registry counts as silent.",
        labels=["registry"],
    )
    for sender in sorted(senders(connection), key=lambda sender: sender.name):
        if sender.pushes:
            last.add_metric([sender.name], sender.last)
            after.add_metric([sender.name], sender.silent_after())
    return [last, after]


def _keys(connection: Connection) -> Metric:
    found = GaugeMetricFamily(
        "ketavigil_key_expires_timestamp_seconds",
        "When the key that a sender used last expires; none of who has no such key.",
        labels=["registry"],
    )
    for name, (_, ends) in sorted(key_ends(connection, time.time()).items()):
        found.add_metric([name], ends)
    return found


def _freshness(connection: Connection) -> Metric:
    buckets, total, _ = freshness_buckets(connection)
    family = HistogramMetricFamily(
        "ketavigil_freshness_seconds", "From durable to scored, pushed records."
    )
    examples = {
        limit: Exemplar({"position": str(position)}, seconds, at)
        for limit, (seconds, position, at) in freshness_examples(connection).items()
    }
    # a bucket without an example of its own has none
    family.add_metric(
        [],
        [
            (limit, float(upto), examples[limit]) if limit in examples else (limit, float(upto))
            for limit, upto in buckets
        ],
        total,
    )
    return family


def _lag(behind: list[Behind]) -> Metric:
    family = GaugeMetricFamily(
        "ketavigil_lag_records",
        "Entries of the log that wait for their agent.",
        labels=["topic", "partition"],
    )
    for part in behind:
        family.add_metric([part.topic, str(part.partition)], part.waiting)
    return family


def _runs(connection: Connection) -> Metric:
    """Each agent that scores keeps a meter with the time of its last run."""
    family = GaugeMetricFamily(
        "ketavigil_detector_last_run_timestamp_seconds",
        "When an agent last scored.",
        labels=["detector"],
    )
    for name, body in connection.execute(select(tables.meters.c.name, tables.meters.c.body)):
        meter = json.loads(body)
        if "at" in meter:
            family.add_metric([name], meter["at"])
    return family


def _batches(connection: Connection) -> Metric:
    family = CounterMetricFamily(
        "ketavigil_quality_batches", "Batches seen by the quality suite.", labels=["result"]
    )
    # each result from the first batch on: Prometheus misses what a series begins with
    for result, n in (dict.fromkeys(RESULTS, 0) | batches(connection)).items():
        family.add_metric([result], n)
    return family
