"""`/metrics`: what the store knows, read in one snapshot of it for each scrape.

| metric | labels | meaning |
|---|---|---|
| `ketavigil_records_received` | stream | records received, those in flight included |
| `ketavigil_records` | stream, disposition | what became of them, each counted on its own |
| `ketavigil_refusals_total` | reason | requests refused whole (the gateway's own counter) |
| `ketavigil_freshness_seconds` | | histogram: from durable to scored, pushed records |
| `ketavigil_lag_records` | topic, partition | entries of the log that wait for their agent |
| `ketavigil_signals` | dataset, state, priority | signals |
| `ketavigil_score` | dataset, product, event, statistic | `STATISTICS`, `RATES` of watched pairs |
| `ketavigil_detector_last_run_timestamp_seconds` | detector | when an agent last scored |
| `ketavigil_registry_last_record_timestamp_seconds` | registry | newest record of who pushes |
| `ketavigil_quality_batches_total` | result | batches seen by the quality suite |

A pair without a case has no score, so its series end. Scores are of at most 2,000 pairs: those of
open signals first, then the highest lower limit of the IC. Up to 500 of them are pairs of the
cohort, which have rates: those of open signals first, then those with an event, the highest lower
limit of the rate first. They are per patient-year; `share` is of sessions, where an event is
counted by session. A pair of which nobody was at risk has none: no data is not 0.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from sqlalchemy import Connection, Float, Row, and_, cast, exists, func, select
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dashboards.board.health import batches, freshness_buckets, last_pushed
from dashboards.lag import Behind, Lag, in_flight
from detectors.scope import YEAR
from schemas.errors import LogError, StoreError
from streams.log import open_log
from streams.log.base import Log
from streams.settings import Settings
from streams.store import tables
from streams.store.conservation import conservation
from streams.store.store import Store
from streams.store.workflow import ENDED, NOW

SCORE = "ketavigil_score"
_text: Callable[[float], str] = floatToGoString
MOST_PAIRS = 2_000
MOST_OF_COHORT = 500
STATISTICS = ("n", "expected", "prr", "ror", "ic", "ic025")
RATES = ("n", "patient_years", "rate", "rate_lower", "rate_upper", "share")
COHORT = "cohort"


def metrics_route(
    store: Store, settings: Settings, registry: CollectorRegistry, log: Log | None = None
) -> Route:
    """The route `/metrics`; the store's metrics join those already in the registry.

    `log` is read only; without one the log of the settings is opened. Where the store or the log
    cannot be read the answer is 503: half of the numbers would look like a change of all.
    """
    registry.register(Snapshot(store, Lag(log or open_log(settings.broker), settings.partitions())))

    def metrics(request: Request) -> Response:
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        try:
            body = _encoded(registry, encode)
        except (StoreError, LogError) as error:
            return PlainTextResponse(f"{error.code}\n", 503)
        return Response(body, headers={"content-type": kind, "cache-control": "no-store"})

    return Route("/metrics", metrics)


class _Given(Collector):
    """Families that were collected already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _encoded(registry: CollectorRegistry, encode: Callable[[Collector], bytes]) -> bytes:
    """The registry as text; the scores past the library's encoder, which takes 80 ms for them."""
    families = list(registry.collect())
    body = encode(_Given([family for family in families if family.name != SCORE]))
    scores = "".join(_lines(family) for family in families if family.name == SCORE).encode()
    end = b"# EOF\n"  # of OpenMetrics; of a gauge both formats say the same
    return body.removesuffix(end) + scores + (end if body.endswith(end) else b"")


def _lines(family: Metric) -> str:
    escaped: dict[str, str] = {}
    lines = [f"# HELP {family.name} {family.documentation}\n# TYPE {family.name} gauge\n"]
    for sample in family.samples:
        labels = []
        for name, value in sorted(sample.labels.items()):
            if value not in escaped:
                text = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
                escaped[value] = text
            labels.append(f'{name}="{escaped[value]}"')
        lines.append(f"{family.name}{{{','.join(labels)}}} {_text(sample.value)}\n")
    return "".join(lines)


class Snapshot(Collector):
    """Reads the store, and the log's ends, when it is collected."""

    def __init__(self, store: Store, lag: Lag) -> None:
        self._store, self._lag = store, lag
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
            yield _freshness(connection)
            yield _lag(behind)
            yield _signals(connection)
            yield _scores(connection)
            yield _runs(connection)
            yield _batches(connection)

    def _counted(self, connection: Connection, behind: list[Behind]) -> list[Metric]:
        """What only moves with the positions is not counted again while they stand."""
        table = tables.positions
        rows = connection.execute(
            select(table.c.consumer, table.c.topic, table.c.partition, table.c.next_offset)
        )
        state = (sorted(tuple(row) for row in rows), behind)
        if self._known[0] != state:
            self._known = (state, [*_records(connection, behind), _registries(connection)])
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


def _registries(connection: Connection) -> Metric:
    last = GaugeMetricFamily(
        "ketavigil_registry_last_record_timestamp_seconds",
        "When the newest record of a registry that pushes was taken.",
        labels=["registry"],
    )
    for sender, at in sorted(last_pushed(connection).items()):
        last.add_metric([sender], at)
    return last


def _freshness(connection: Connection) -> Metric:
    buckets, total, _ = freshness_buckets(connection)
    family = HistogramMetricFamily(
        "ketavigil_freshness_seconds", "From durable to scored, pushed records."
    )
    family.add_metric([], [(limit, float(upto)) for limit, upto in buckets], total)
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


def _signals(connection: Connection) -> Metric:
    table = NOW
    labels = [table.c.dataset, table.c.state, table.c.priority]
    family = GaugeMetricFamily(
        "ketavigil_signals", "Signals.", labels=["dataset", "state", "priority"]
    )
    for *names, n in connection.execute(select(*labels, func.count()).group_by(*labels)):
        family.add_metric(names, n)
    return family


def _scores(connection: Connection) -> Metric:
    family = GaugeMetricFamily(
        SCORE,
        "Scores of watched pairs and open signals.",
        labels=["dataset", "product", "event", "statistic"],
    )
    rates = _rates(connection)
    for row in rates:
        product, event, *values = tuple(row)
        for statistic, value in zip(RATES, values, strict=True):
            if value is not None:
                family.add_metric([COHORT, product, event, statistic], value)
    table, signals = tables.scores, NOW
    signalled = exists().where(
        and_(*(signals.c[name] == table.c[name] for name in ("dataset", "product", "event"))),
        signals.c.state.not_in(ENDED),
    )
    rows = connection.execute(
        select(table.c.dataset, table.c.product, table.c.event, *(table.c[s] for s in STATISTICS))
        .where(table.c.watched | signalled)
        .order_by(signalled.desc(), table.c.ic025.desc().nulls_last(), *table.primary_key)
        .limit(MOST_PAIRS - len(rates))
    )
    for dataset, product, event, *values in rows:
        for statistic, value in zip(STATISTICS, values, strict=True):
            if value is not None:
                family.add_metric([dataset, product, event, statistic], value)
    return family


def _rates(connection: Connection) -> Sequence[Row[Any]]:
    """Product, event and `RATES` of the cohort, of whole products and of what is signalled."""
    table, signals = tables.rates, NOW
    signalled = exists().where(
        signals.c.dataset == COHORT,
        signals.c.product == table.c.product,
        signals.c.event == table.c.event,
        signals.c.state.not_in(ENDED),
    )
    share = cast(table.c.sessions_with, Float) / func.nullif(table.c.sessions, 0)
    return connection.execute(
        select(
            table.c.product,
            table.c.event,
            table.c.n,
            table.c.days / YEAR,
            table.c.rate,
            table.c.rate_lower,
            table.c.rate_upper,
            share,
        )
        .where((table.c.days > 0) | (table.c.sessions > 0))
        .where(~table.c.product.contains(" @") | signalled)
        .order_by(
            signalled.desc(),
            (table.c.n > 0).desc(),
            table.c.rate_lower.desc().nulls_last(),
            *table.primary_key,
        )
        .limit(MOST_OF_COHORT)
    ).all()


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
    for result, n in batches(connection).items():
        family.add_metric([result], n)
    return family
