"""The page `/demo`: what the simulation planted, beside what was found."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, func, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from dashboards.access import viewer
from dashboards.language import _, mark
from dashboards.sign_in import templates
from schemas.vocabulary import Vocabulary
from streams.simulate.truth import Told, Truth, read
from streams.store import tables
from streams.store.store import Store

_DATASET = "spontaneous"
_STATISTICS = ("prr", "ic025")


@dataclass(frozen=True, slots=True)
class Found:
    """One pair as it stands: its signal (if it was ever raised) and its newest score."""

    product: str
    event: str
    signal_id: int | None
    raised_at: datetime | None
    after: float | None
    holds: int
    n: int
    prr: float | None
    ic025: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """One planted thing and the pairs it should show as; `verdict` says how that stands."""

    told: Told
    found: tuple[Found, ...]
    absent: tuple[Found, ...]

    @property
    def verdict(self) -> str:
        """How it stands, in a word or three."""
        if any(pair.signal_id for pair in self.absent):
            return mark("raised by mistake")
        if self.told.started_at is None:
            return mark("not sent yet")
        if not all(pair.signal_id for pair in self.found):
            return mark("waiting")
        if self.told.expect == "withdrawn":
            holds = any(pair.holds for pair in self.found)
            return mark("raised, not taken back yet") if holds else mark("taken back")
        return mark("found")


def lines(connection: Connection, truth: Truth) -> list[Line]:
    """What was planted, beside what the store has."""
    return [
        Line(
            one,
            tuple(_found(connection, product, one) for product in one.pairs),
            tuple(_found(connection, product, one) for product in one.absent),
        )
        for one in truth.planted
    ]


def others(connection: Connection, truth: Truth) -> dict[str, list[str]]:
    """Pairs that are raised and were not planted, in two kinds.

    `known`: bound to show, since the published frequencies that the simulation draws from have
    them, or a group that holds such an event. `chance`: everything else.
    """
    planted = {(product, one.event) for one in truth.planted for product in one.pairs}
    vocabulary = Vocabulary.load()
    known = set(truth.known)
    for product, event in [
        *truth.known,
        *((p, one.event) for one in truth.planted for p in one.pairs),
    ]:
        known |= {(product, f"group:{group}") for group in vocabulary.groups_of(event)}
    named: dict[str, list[str]] = {"known": [], "chance": []}
    signals = tables.signals
    for product, event in connection.execute(
        select(signals.c.product, signals.c.event)
        .where(signals.c.kind == "screening", signals.c.dataset == _DATASET)
        .order_by(signals.c.product, signals.c.event)
    ):
        if (product, event) not in planted:
            base = product.rpartition(" @")[0] or product
            kind = "known" if known & {(base, event), (product, event)} else "chance"
            named[kind].append(f"{product} × {event.removeprefix('group:')}")
    return named


def dispositions(connection: Connection, senders: Iterable[str]) -> dict[str, int]:
    """How many records of each sender the store has received."""
    records = tables.records
    rows = connection.execute(select(records.c.sender, func.count()).group_by(records.c.sender))
    counted = {str(sender): int(count) for sender, count in rows}
    return {sender: counted.get(sender, 0) for sender in senders}


def _found(connection: Connection, product: str, one: Told) -> Found:
    signals, rules, scores = tables.signals, tables.signal_rules, tables.scores
    signal = connection.execute(
        select(signals.c.id, signals.c.raised_at).where(
            signals.c.dataset == _DATASET,
            signals.c.product == product,
            signals.c.event == one.event,
            signals.c.kind == "screening",
        )
    ).first()
    score: Sequence[Any] | None = connection.execute(
        select(scores.c.n, *(scores.c[name] for name in _STATISTICS)).where(
            scores.c.dataset == _DATASET,
            scores.c.product == product,
            scores.c.event == one.event,
        )
    ).first()
    holds = 0
    raised_at = None
    after = None
    if signal is not None:
        raised_at = datetime.fromtimestamp(signal.raised_at, UTC)
        if one.started_at is not None:
            after = signal.raised_at - one.started_at.timestamp()
        holds = int(
            connection.scalar(
                select(func.count()).where(and_(rules.c.signal_id == signal.id, rules.c.holds))
            )
            or 0
        )
    n, prr, ic025 = score or (0, None, None)
    return Found(
        product,
        one.event,
        signal.id if signal is not None else None,
        raised_at,
        after,
        holds,
        n,
        prr,
        ic025,
    )


def routes(store: Store, truth_path: Path) -> list[Route]:
    """The route `/demo`; it reads the file that the simulation writes."""
    pages = templates()

    def render(request: Request) -> Response:
        truth = read(truth_path)
        if truth is None:
            return PlainTextResponse(_("The simulation has not begun yet."), 404)
        with store.read() as connection:
            context = {
                "lines": lines(connection, truth),
                "others": others(connection, truth),
                "received": dispositions(connection, truth.sent),
            }
        html = pages.get_template("demo.html").render(
            request=request,
            viewer=viewer(request),
            truth=truth,
            running=int(time.time() - truth.started_at.timestamp()),
            **context,
        )
        return HTMLResponse(html, headers={"cache-control": "no-store"})

    async def demo(request: Request) -> Response:
        return await run_in_threadpool(render, request)

    return [Route("/demo", demo, methods=["GET"])]
