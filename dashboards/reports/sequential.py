"""Sequential evidence of a pair by a position: its families, the looks closed by then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, select

from dashboards.analysis.fold import Fold
from dashboards.reports.figures import Confirmation, Look, Sequence
from dashboards.reports.moment import AsOf
from detectors.dating import History
from detectors.evidence import columns_of, corrected
from detectors.sequential import two_sample, two_sample_late
from detectors.sequential.family import harmonic, needed
from streams.store import tables
from streams.store.families import Opened, families
from streams.store.looks import closed_looks


def sequences(
    connection: Connection, as_of: AsOf, found: Fold, of: tuple[str, str, str]
) -> tuple[Sequence, ...]:
    """The pair in each family that had been opened by then and holds it."""
    dataset, product, event = of
    # a family is opened at the position before the first that it takes
    opened = [
        one
        for one in families(connection, [dataset])
        if one.opened_position < as_of.position
        and product in one.family.products
        and event in one.family.events
    ]
    return tuple(_sequence(connection, as_of, found, one, (product, event)) for one in opened)


def _sequence(
    connection: Connection, as_of: AsOf, found: Fold, opened: Opened, pair: tuple[str, str]
) -> Sequence:
    parameters = two_sample_late.Parameters(opened.margin)
    state = two_sample_late.start(1, parameters)
    shown: list[Look] = []
    count, log_e, log_e_sup = 0, 0.0, 0.0
    for look in closed_looks(connection, opened.dataset, pair):
        if look.position > as_of.position or not opened.takes(look.position):
            continue
        four = columns_of(look.counts, *pair)
        given = two_sample.Look(*(np.array([float(n)]) for n in four))
        state, evidence = two_sample_late.step(state, given, parameters)
        count += 1
        log_e, log_e_sup = float(evidence.log_e[0]), float(evidence.log_e_sup[0])
        if four[1]:
            shown.append(
                Look(
                    day=look.name,
                    position=look.position,
                    n=four[0],
                    n_product=four[1],
                    n_comparator=four[2],
                    n_comparators=four[3],
                    log_e=log_e,
                    log_e_sup=log_e_sup,
                )
            )
    family = opened.family
    return Sequence(
        family=family.name,
        dataset=opened.dataset,
        fixed_on=opened.opened,
        products=len(family.products),
        events=len(family.events),
        size=family.size,
        alpha=family.alpha,
        margin=opened.margin,
        asked_alone=needed(1, family.alpha, family.size),
        looks=count,
        log_e=log_e,
        log_e_sup=log_e_sup,
        reported=tuple(shown),
        confirmation=_confirmation(connection, as_of, found, opened, pair),
    )


def _confirmation(
    connection: Connection, as_of: AsOf, found: Fold, opened: Opened, pair: tuple[str, str]
) -> Confirmation | None:
    said = _said(connection, as_of, opened.dataset, *pair)
    if said is None or said["family"] != opened.family.name:
        return None
    asked = float(said["asked"])
    family = opened.family
    among = round(family.size * harmonic(family.size) / (family.alpha * float(np.exp(asked))))
    since = _first_day(connection, as_of, opened)
    days = History(found.book, opened.dataset).by_day(*pair, since)
    log_e = float(corrected([days], opened.margin)[0])
    return Confirmation(
        day=said["day"],
        position=said["position"],
        n=said["n"],
        log_e=float(said["log_e"]),
        asked=asked,
        among=among,
        corrected_log_e=log_e,
        corrected_n=int(days.n.sum()),
        suspended=bool(log_e < asked),
    )


def _said(
    connection: Connection, as_of: AsOf, dataset: str, product: str, event: str
) -> Mapping[str, Any] | None:
    """What the history says of the confirmation: a row that later families do not overwrite."""
    signals, history = tables.signals, tables.signal_history
    row = connection.execute(
        select(history.c.position, history.c.detail)
        .join(signals, signals.c.id == history.c.signal_id)
        .where(
            signals.c.dataset == dataset,
            signals.c.product == product,
            signals.c.event == event,
            signals.c.kind == "confirmed",
            history.c.what == "first_held",
            history.c.position <= as_of.position,
        )
        .order_by(history.c.id)
        .limit(1)
    ).first()
    return None if row is None else {"position": row.position, **json.loads(row.detail)}


def _first_day(connection: Connection, as_of: AsOf, opened: Opened) -> int:
    table = tables.looks
    query = select(func.min(table.c.day)).where(
        table.c.dataset == opened.dataset,
        table.c.closed_position > opened.opened_position,
        table.c.closed_position <= as_of.position,
    )
    return date.fromisoformat(connection.execute(query).scalar_one()).toordinal()
