"""Sequential evidence as the board shows it: families, looks of a pair, how they add up."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import log
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, select

from dashboards.board import milestones
from dashboards.board.milestones import Milestone
from dashboards.board.timeline import Chart, Line, chart
from dashboards.language import _
from detectors.evidence import RULE, columns_of
from detectors.looks import Key
from detectors.sequential import two_sample, two_sample_late
from detectors.sequential.family import needed
from detectors.sequential.mixture import nodes
from streams.store import tables
from streams.store.families import Opened, families
from streams.store.looks import closed_looks

__all__ = ["RULE", "Confirmed", "Look", "as_csv", "confirmed", "summaries"]

MOST = 200
LN10 = log(10)


@dataclass(frozen=True, slots=True)
class Look:
    """A look of a pair: its day, the counts of that day alone, and the evidence after it."""

    day: str
    position: int
    n: int
    n_product: int
    n_comparator: int
    n_comparators: int
    log_e: float
    log_e_sup: float


@dataclass(frozen=True, slots=True)
class Alternative:
    """One ratio that the evidence is laid against, in one look: its factor, and all up to it."""

    ratio: float
    log_s: float
    log_product: float


@dataclass(frozen=True, slots=True)
class Worked:
    """The look at which a pair was found, worked out step by step."""

    look: Look
    before: tuple[int, int]
    odds: float
    alternatives: tuple[Alternative, ...]
    log_plain: float
    log_late: float


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A confirmation, its family, and every look in which its product was reported."""

    row: Any
    family: Opened
    looks: tuple[Look, ...]
    worked: Worked | None

    @property
    def shown(self) -> tuple[Look, ...]:
        """The newest of the looks first, as many as the page has."""
        return self.looks[: -MOST - 1 : -1]


def confirmed(connection: Connection, signal: Any) -> Confirmed | None:
    """What stands behind a confirmed signal (a row of `signals`); None for another kind."""
    table = tables.confirmations
    row = connection.execute(select(table).where(table.c.signal_id == signal.id)).first()
    if row is None:
        return None
    family = next(one for one in families(connection) if one.id == row.family)
    pair = (signal.product, signal.event)
    days, counts = _counts(connection, family, pair)
    looks, worked = _replayed(days, counts, family, row.day)
    return Confirmed(row, family, looks, worked)


def over_time(found: Confirmed, product: str) -> tuple[Chart | None, tuple[Milestone, ...]]:
    """The e-value (its logarithm of base 10) after each look; None for a single one.

    Marked are the looks, the one that found it, and the dates that lie among them.
    """
    days = [float(date.fromisoformat(look.day).toordinal()) for look in found.looks]
    if len(days) < 2:
        return None, ()
    points = tuple((day, look.log_e / LN10) for day, look in zip(days, found.looks, strict=True))
    span = (days[0], days[-1])
    dated = milestones.milestones(product, *span)
    at = [float(date.fromisoformat(found.row.day).toordinal())]
    line = Line(_("log10 of the e-value"), points)
    return chart(
        _("Evidence over time"), [line], span, days, at, dated=milestones.days(dated)
    ), dated


def as_csv(looks: Sequence[Look]) -> str:
    """The looks as CSV, oldest first."""
    out = io.StringIO()
    writer = csv.writer(out)
    names = Look.__slots__
    writer.writerow(names)
    writer.writerows([getattr(look, name) for name in names] for look in looks)
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class Summary:
    """A family with how many looks it has had, the newest of them, and how many pairs it found."""

    family: Opened
    looks: int
    newest: str | None
    open: int
    found: int

    @property
    def alone(self) -> float:
        """The log e that a pair needs if it is the only one."""
        return needed(1, self.family.family.alpha, self.family.family.size)


def summaries(connection: Connection) -> list[Summary]:
    """Of every family that was opened."""
    looks, confirmations = tables.looks, tables.confirmations
    out = []
    for one in families(connection):
        taken = [looks.c.dataset == one.dataset, looks.c.closed_position > one.opened_position]
        if one.ended_position is not None:
            taken.append(looks.c.closed_position <= one.ended_position)
        closed, newest = connection.execute(
            select(func.count(), func.max(looks.c.day)).where(*taken)
        ).one()
        still = select(func.count()).where(
            looks.c.dataset == one.dataset, looks.c.closed_position.is_(None)
        )
        found = select(func.count()).where(confirmations.c.family == one.id)
        open_now = 0 if one.ended_position is not None else connection.scalar(still) or 0
        out.append(Summary(one, closed, newest, open_now, connection.scalar(found) or 0))
    return out


def _counts(
    connection: Connection, family: Opened, pair: Key
) -> tuple[list[tuple[str, int]], list[list[int]]]:
    """Day and position of each look of a family, and its four columns for a pair."""
    days, counts = [], []
    for look in closed_looks(connection, family.dataset, pair):
        if family.takes(look.position):
            days.append((look.name, look.position))
            counts.append(columns_of(look.counts, *pair))
    return days, counts


def _replayed(
    days: Sequence[tuple[str, int]], counts: Sequence[Sequence[int]], family: Opened, found: str
) -> tuple[tuple[Look, ...], Worked | None]:
    parameters = two_sample_late.Parameters(family.margin)
    state = two_sample_late.start(1, parameters)
    looks, worked = [], None
    for (day, position), four in zip(days, counts, strict=True):
        before = state
        look = two_sample.Look(*(np.array([float(n)]) for n in four))
        state, evidence = two_sample_late.step(state, look, parameters)
        n, n_product, n_comparator, n_comparators = four
        if not n_product:
            continue
        shown = Look(
            day,
            position,
            n,
            n_product,
            n_comparator,
            n_comparators,
            float(evidence.log_e[0]),
            float(evidence.log_e_sup[0]),
        )
        looks.append(shown)
        if day == found:
            worked = _worked(shown, before, state, look, parameters)
    return tuple(looks), worked


def _worked(
    shown: Look,
    before: two_sample_late.State,
    after: two_sample_late.State,
    look: two_sample.Look,
    parameters: two_sample_late.Parameters,
) -> Worked:
    prior = parameters.prior
    with_event, all_others = before.n_comparator, before.n_comparators
    odds = (with_event + prior) / (all_others - with_event + prior)
    log_s = two_sample.two_sample(look, odds, parameters.of_look)[0]
    if not all_others[0]:
        log_s = np.zeros_like(log_s)
    ratios = parameters.margin * (1 + nodes(parameters.excess))
    plain, late = two_sample_late.parts(
        after.log_lr, after.log_weighted, after.looks, parameters.patience
    )
    return Worked(
        shown,
        (int(with_event[0]), int(all_others[0])),
        float(odds[0]),
        tuple(
            Alternative(float(ratio), float(s), float(total))
            for ratio, s, total in zip(ratios, log_s, after.log_lr[0], strict=True)
        ),
        float(plain[0]),
        float(late[0]),
    )
