"""The page of the self-test: negative controls, dealt-out events, the canary."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from sqlalchemy import Connection, select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboards.board.moment import notes, read_moment
from dashboards.board.pages import respond
from dashboards.lag import Lag
from dashboards.self_test import ANY, SelfTest
from schemas.record import STREAMS
from streams.settings import CANARY_METER
from streams.store import tables
from streams.store.store import Store

LATE = 2.0  # intervals, as the alert CanaryLate has it


@dataclass(frozen=True, slots=True)
class Canary:
    """The newest canary of a stream that came through (`sent`: None where none has); seconds."""

    stream: str
    interval: float
    sent: float | None
    seconds: float | None

    def age(self, now: float) -> float | None:
        """Since it was sent."""
        return None if self.sent is None else now - self.sent

    def late(self, now: float) -> bool:
        """Whether more than two intervals have gone by, or none ever came; never where none goes.

        >>> Canary("reports", 120.0, 1_000.0, 0.2).late(1_250.0)
        True
        """
        age = self.age(now)
        return self.interval > 0 and (age is None or age > LATE * self.interval)


def canaries(connection: Connection, interval: float) -> list[Canary]:
    """The newest of each stream."""
    table = tables.meters
    out = []
    for stream in STREAMS:
        body = connection.scalar(select(table.c.body).where(table.c.name == CANARY_METER + stream))
        meter = {} if body is None else json.loads(body)
        out.append(Canary(stream, interval, meter.get("sent"), meter.get("seconds")))
    return out


class SelfTestPage:
    """The route of the page."""

    def __init__(self, store: Store, lag: Lag, test: SelfTest, interval: float) -> None:
        self._store, self._lag, self._test, self._interval = store, lag, test, interval

    def routes(self) -> list[Route]:
        """The route `/self-test`."""
        return [Route("/self-test", self.show)]

    def show(self, request: Request) -> Response:
        """The page."""
        with self._store.read() as connection:
            controls = self._test.read_controls(connection)
            context = {
                "moment": read_moment(connection),
                "notes": notes(connection, self._lag),
                "canaries": canaries(connection, self._interval),
            }
        return respond(
            request,
            "self_test.html",
            **context,
            controls=controls,
            listed=self._test.controls,
            rates=controls.rates(self._test.rules),
            permuted=self._test.permuted,
            any_rule=ANY,
            now=time.time(),
        )
