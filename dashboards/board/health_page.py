"""The page of the data's health, and sending again what is held for one reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from dashboards import drift
from dashboards.access import OVERSIGHT, viewer
from dashboards.board import evidence, quality, reading
from dashboards.board.health import health
from dashboards.board.moment import notes, read_moment
from dashboards.board.pages import respond
from dashboards.drift import Drifting
from dashboards.lag import Lag
from dashboards.language import _
from schemas.errors import InputError, LogError
from streams.store import trail
from streams.store.quarantine import held_for
from streams.store.store import Store

MOST = 1_000  # records sent again at once
_LONGEST = 500

Send = Callable[[Sequence[Any]], None]


class HealthPage:
    """The routes `/health` and `/health/replay`.

    `send` puts held records into the log again; without it nobody can.
    """

    def __init__(self, store: Store, lag: Lag, drifting: Drifting, send: Send | None) -> None:
        self._store, self._lag, self._drifting, self._send = store, lag, drifting, send

    def routes(self) -> list[Route]:
        """Both routes."""
        return [
            Route("/health", self.show),
            Route("/health/replay", self.replay, methods=["POST"]),
        ]

    def show(self, request: Request) -> Response:
        """The page; after a replay it says how many records were sent again."""
        sent = request.query_params.get("sent", "")
        known = sent.isascii() and sent.isdigit() and len(sent) < 7
        return self._page(request, sent=int(sent) if known else 0)

    async def replay(self, request: Request) -> Response:
        """Send again, as this program and this vocabulary judge now, what is held for a reason."""
        fields = parse_qs((await request.body()).decode("utf-8", "replace"))
        given = {name: values[0].strip() for name, values in fields.items()}
        try:
            sent = await run_in_threadpool(self._again, request, given)
        except InputError as error:
            return await run_in_threadpool(self._page, request, 422, refused=str(error))
        except LogError as error:
            return await run_in_threadpool(self._page, request, 503, refused=str(error))
        return RedirectResponse(f"/health?sent={sent}#quarantine", 303)

    def _again(self, request: Request, given: dict[str, str]) -> int:
        who = viewer(request)
        assert who is not None  # the check of who is asking was passed
        why = given.get("why", "")[:_LONGEST]
        if not why:
            raise InputError("reason_missing", _("say why they are to be judged again"))
        reason = (given.get("stage", ""), given.get("code", ""), given.get("rule") or None)
        with self._store.read() as connection:
            rows = held_for(connection, *reason, limit=MOST)
        if not rows or self._send is None:
            raise InputError("not_held", _("nothing is held for that reason any more"))
        with self._store.write() as connection:
            for row in rows:
                subject = f"record {row.id}"
                trail.append(connection, who.actor, "record_replayed", subject, why=why)
        self._send(rows)
        return len(rows)

    def _page(
        self, request: Request, status: int = 200, *, sent: int = 0, refused: str = ""
    ) -> Response:
        who = viewer(request)
        with self._store.read() as connection:
            return respond(
                request,
                "health.html",
                status,
                moment=read_moment(connection),
                notes=notes(connection, self._lag),
                health=health(connection, self._lag),
                drift=drift.read(connection),
                touched=self._drifting.touched(connection),
                shown=reading.may_read(request),
                families=evidence.summaries(connection),
                judged=quality.results(connection, datetime.now(UTC).date()),
                QUALITY_DAYS=quality.DAYS,
                may_replay=bool(self._send and who and who.grants & OVERSIGHT),
                MOST=MOST,
                sent=sent,
                refused=refused,
            )
