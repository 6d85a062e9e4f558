"""What `/metrics` says of signals and of scores: which pairs, and no more than so many."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import Connection, Float, Row, and_, case, cast, exists, func, select

from detectors.scope import YEAR
from schemas.vocabulary import Vocabulary
from streams.store import tables
from streams.store.workflow import ENDED, NOW

SCORE = "ketavigil_score"
MOST_PAIRS = 2_000
MOST_OF_COHORT = 500
MOST_SIGNALS = 1_000
STATISTICS = ("n", "expected", "prr", "ror", "ic", "ic025")
RATES = ("n", "patient_years", "rate", "rate_lower", "rate_upper", "share")
COHORT, CASE_REVIEW = "cohort", "case_review"
NOT_CODED = "(a term that is not coded)"
FEWEST = 3  # cases with a term that nobody coded, before it stands where anybody can read it


def signals(connection: Connection) -> Metric:
    """How many there are of each state."""
    table = NOW
    labels = [table.c.dataset, table.c.state, table.c.priority]
    family = GaugeMetricFamily(
        "ketavigil_signals", "Signals.", labels=["dataset", "state", "priority"]
    )
    for *names, n in connection.execute(select(*labels, func.count()).group_by(*labels)):
        family.add_metric(names, n)
    return family


def raised(connection: Connection, vocabulary: Vocabulary) -> Metric:
    """Each open signal with when it was raised: new ones first, then by priority, the newest first.

    It stands in the store until a person closes it, whatever becomes of the detector. What a case
    review is about can be one case, so a term of it that nobody coded is not shown: it is free
    text. Every other signal takes three cases with the same term.
    """
    family = GaugeMetricFamily(
        "ketavigil_signal_raised_timestamp_seconds",
        "When an open signal was raised.",
        labels=["signal", "dataset", "product", "event", "kind", "priority", "state"],
    )
    table = NOW
    rows = connection.execute(
        select(table)
        .where(table.c.state.not_in(ENDED))
        .order_by(
            case((table.c.state == "new", 0), else_=1),
            case((table.c.priority == "high", 0), else_=1),
            table.c.id.desc(),
        )
        .limit(MOST_SIGNALS)
    )
    for row in rows:
        shown = row.kind != CASE_REVIEW or row.dataset == COHORT or _coded(row.event, vocabulary)
        event = row.event if shown else NOT_CODED
        names = (str(row.id), row.dataset, row.product, event, row.kind, row.priority, row.state)
        family.add_metric(names, row.raised_at)
    return family


def _coded(event: str, vocabulary: Vocabulary) -> bool:
    return event.startswith("group:") or vocabulary.event(event).matched


def scores(connection: Connection, vocabulary: Vocabulary) -> Metric:
    """The statistics of watched pairs and of those of open signals.

    A term that is not coded is free text: below three cases a pair of it is left out.
    """
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
        .execution_options(yield_per=500)
    )
    room = MOST_PAIRS - len(rates)
    told = (row for row in rows if row.n >= FEWEST or _coded(row.event, vocabulary))
    for dataset, product, event, *values in islice(told, room):
        for statistic, value in zip(STATISTICS, values, strict=True):
            if value is not None:
                family.add_metric([dataset, product, event, statistic], value)
    rows.close()
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
