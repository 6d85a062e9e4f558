"""The safety officer's board: signals, one signal, the data's health; rendered here, live by SSE.

It reads the store and the ends of the log, and writes what people do.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Hashable
from datetime import date
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from dashboards.access import viewer
from dashboards.board import (
    assets,
    cases,
    cohort,
    cohort_event,
    cohort_looks,
    courses,
    evidence,
    measured,
    picture,
    reading,
    seen,
    signals,
    trail,
)
from dashboards.board.beside import RULE
from dashboards.board.computed import Cells, explained
from dashboards.board.decisions import Decisions, OfSignal, of_signal
from dashboards.board.health import health
from dashboards.board.inbox import Inbox, OfPerson
from dashboards.board.moment import Note, notes, read_moment
from dashboards.board.news import News, Rendered
from dashboards.board.pages import environment, http_error, respond
from dashboards.board.ranking import Ranking
from dashboards.board.returning import Returning
from dashboards.board.review import behind
from dashboards.board.signals import Filters, Signal
from dashboards.lag import Lag
from dashboards.seriousness import Seriousness
from detectors import case_review
from detectors.coding import base
from detectors.disproportionality import METHODS
from detectors.followup import looks
from detectors.rules import Rule, read
from schemas.vocabulary import Listed, Vocabulary, Watchlist
from streams.log import open_log
from streams.log.base import Log
from streams.settings import Settings
from streams.store.fits import fits_at
from streams.store.store import Store

__all__ = ["environment", "http_error", "respond", "routes"]

# a template, how many rows of single patients it shows, and what it is filled with
_Shown = tuple[str, int, dict[str, Any]]

NOTING = 2.0  # seconds between looks at what waits, while somebody listens


def routes(
    store: Store, settings: Settings, log: Log | None = None, returning: Returning | None = None
) -> list[BaseRoute]:
    """The pages `/`, `/signals`, `/signals/{number}`, `/decisions`, `/trail`, `/cohort`,
    `/cohort/{event}`, `/courses`, `/courses/{number}`, `/health`, the events that keep some live,
    what people do, and `/static`.

    `log` is read only; without one the log of the settings is opened. `returning` says how much
    evidence a signal has.
    """
    if returning is None:
        vocabulary = Vocabulary.load(settings.vocabulary)
        returning = Returning(store, Seriousness.load(settings, vocabulary))
    board = _Board(store, settings, log or open_log(settings.broker), returning)
    return [
        *board.inbox.routes(),
        Route("/signals", board.signals),
        *board.decisions.routes(),
        Route("/events", board.events),
        Route("/signals/{number:int}", board.signal),
        Route("/signals/{number:int}/cases.csv", board.cases_csv),
        Route("/signals/{number:int}/looks.csv", board.looks_csv),
        Route("/cohort", board.cohort),
        Route("/cohort/{event:path}", board.cohort_event),
        Route("/courses", board.courses),
        Route("/courses/{number:int}", board.course),
        Route("/health", board.health),
        *trail.routes(store),
        assets.mount(),
    ]


class _Board:
    def __init__(self, store: Store, settings: Settings, log: Log, returning: Returning) -> None:
        self._store = store
        self._lag = Lag(log, settings.partitions())
        text = settings.rules.read_text(encoding="utf-8") if settings.rules else None
        self._vocabulary = Vocabulary.load(settings.vocabulary)
        screening = read(text)
        self._rules: dict[str, Rule | case_review.Rule] = {r.name: r for r in screening}
        named = (
            *case_review.RULES,
            case_review.URGENT,
            evidence.RULE,
            *looks.RULES,
            *looks.MAXSPRT,
        )
        self._rules |= {rule.name: rule for rule in named}
        self._watched = Watchlist.load(settings.watchlist, self._vocabulary).products
        self._labels = Listed.load(settings.listed, self._vocabulary)
        # a prior belongs to a checkpoint, so that what rests on one cannot be dated by the data
        fitted = {name for method in METHODS if method.whole_table for name in method.columns}
        self._undated = {rule.name for rule in screening if rule.columns & fitted}
        self._news = News(self._look, self._render)
        self.decisions = Decisions(store, settings, self._news, returning, self._signal)
        ranking = Ranking(self._vocabulary, self._labels, self._watched, returning.seriousness)
        self.inbox = Inbox(store, ranking, self._news, self._lag, self._rules)
        self._noted: list[Note] = []
        self._noted_at = -NOTING

    def signals(self, request: Request) -> Response:
        """The list of signals."""
        filters = Filters.of(request.query_params)
        context = self._listed(filters)
        rest = {"since": context["id"]}
        events = "/events?" + "&".join(filter(None, (filters.query(), urlencode(rest))))
        return respond(request, "signals.html", events=events, **context)

    async def events(self, request: Request) -> Response:
        """News of the list of signals, for as long as the page is open."""
        filters = Filters.of(request.query_params)
        last = request.headers.get("last-event-id") or request.query_params.get("since")
        return StreamingResponse(
            self._news.listen(filters, last),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    def signal(self, request: Request) -> Response:
        """One signal."""
        return self._signal(request, request.path_params["number"], {})

    def _signal(self, request: Request, number: int, said: dict[str, Any]) -> Response:
        """The page of a signal; `said`: what a form was answered, and what was written in it."""
        before = request.query_params.get("before", "")
        with self._store.read() as connection:
            signal = signals.one(connection, number)
            if signal is None:
                raise HTTPException(404, "There is no such signal.")
            shown = reading.may_read(request)
            context = {
                "signal": signal,
                "moment": read_moment(connection),
                "notes": notes(connection, self._lag),
                "history": signals.history(connection, signal.row.id),
                "others": signals.others(connection, signal),
                "rules": self._rules,
                "undated": self._undated,
                "labels": self._labels.of(signal.row.product),
                "shown": shown,
                **of_signal(connection, number),
            }
            context["events"] = f"/signals/{number}/events?since={context['moment']}"
            page = self._of_cohort if signal.row.dataset == "cohort" else self._of_reports
            template, rows, more = page(connection, signal, before, shown=shown)
        with self._store.write() as connection:
            if who := viewer(request):
                seen.mark(connection, who.name, number, signal.n)
            if rows:
                kind = "courses" if signal.row.dataset == "cohort" else "cases"
                reading.record(connection, request, f"signal {number}", kind, rows)
        return respond(request, template, **context, **more, **said)

    def _of_cohort(
        self, connection: Connection, signal: Signal, before: str, *, shown: bool
    ) -> _Shown:
        """The page of a signal of the cohort, and how many courses it shows."""
        held = behind(connection, signal.row)
        looked = cohort_looks.looks(connection, signal.row.product, signal.row.event)
        rows = len(held.review.courses) if held.review and shown else 0
        confirmed = signal.row.kind == "confirmed"
        runs = cohort_looks.runs(connection, signal.row.event, signal.row.product)
        more: dict[str, Any] = {
            "looks": looked if confirmed else [],
            "runs": runs if confirmed else [],
            "confirmed": None,
        }
        return "signal_cohort.html", rows, more | {"held": held}

    def _of_reports(
        self, connection: Connection, signal: Signal, before: str, *, shown: bool
    ) -> _Shown:
        """The page of a signal of reports, and how many cases it shows."""
        row, score = signal.row, signal.score
        first = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
        pair = (row.dataset, row.product, row.event)
        listing = cases.page(connection, pair, first) if shown else None
        prior = None
        if score and score["fit"] is not None:
            prior = fits_at(connection, score["fit"]).prior_of(row.dataset)
        counts = score and [score[name] for name in ("n", "n_product", "n_event", "n_total")]
        more = {
            "strata": signals.strata(connection, signal),
            "cells": counts and Cells.of(*counts),
            "statistics": explained(score, prior) if score else [],
            "plot": picture.large(signal.points, f"IC of {row.product} with {row.event}"),
            "points": picture.binned(signal.points)[::-1],
            "base": base(row.product),
            "confirmed": evidence.confirmed(connection, row),
            "listing": listing,
            "before": before,
        }
        return "signal.html", len(listing.cases) if listing else 0, more

    def cases_csv(self, request: Request) -> Response:
        """The line listing of one signal, whole."""
        number = request.path_params["number"]
        with self._store.read() as connection:
            signal = signals.one(connection, number)
            if signal is None:
                raise HTTPException(404, "There is no such signal.")
            pair = (signal.row.dataset, signal.row.product, signal.row.event)
            listing = list(cases.cases(connection, pair))
            position = read_moment(connection).position
        with self._store.write() as connection:
            reading.record(connection, request, f"signal {number}", "cases as CSV", len(listing))
        text = cases.as_csv(listing)
        name = f"signal-{number}-cases-at-{position}.csv"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    def looks_csv(self, request: Request) -> Response:
        """The looks of one confirmed signal, all of them."""
        number = request.path_params["number"]
        with self._store.read() as connection:
            signal = signals.one(connection, number)
            found = None if signal is None else evidence.confirmed(connection, signal.row)
        if found is None:
            raise HTTPException(404, "There is no such confirmed signal.")
        headers = {"content-disposition": f'attachment; filename="signal-{number}-looks.csv"'}
        text = evidence.as_csv(found.looks)
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    def courses(self, request: Request) -> Response:
        """Patient courses with findings."""
        filters = courses.Filters.of(request.query_params)
        with self._store.read() as connection:
            page = courses.listed(connection, filters, self._vocabulary)
            context = {
                "moment": read_moment(connection),
                "notes": notes(connection, self._lag),
            }
        with self._store.write() as connection:
            reading.record(connection, request, "courses", "courses", len(page.rows))
        return respond(request, "courses.html", filters=filters, page=page, **context)

    def cohort(self, request: Request) -> Response:
        """Watched products and events with their rates."""
        filters = cohort.Filters.of(request.query_params)
        with self._store.read() as connection:
            return respond(
                request,
                "cohort.html",
                moment=read_moment(connection),
                notes=notes(connection, self._lag),
                filters=filters,
                looks=cohort.LOOKS,
                page=cohort.listed(connection, filters, self._vocabulary, self._watched),
            )

    def cohort_event(self, request: Request) -> Response:
        """One event or group of events in the cohort."""
        with self._store.read() as connection:
            page = cohort_event.one(connection, request.path_params["event"], self._vocabulary)
            if page is None:
                raise HTTPException(404, "The cohort counts no such event.")
            context = {
                "moment": read_moment(connection),
                "notes": notes(connection, self._lag),
            }
        return respond(request, "cohort_event.html", page=page, rule=RULE, **context)

    def course(self, request: Request) -> Response:
        """One patient course."""
        with self._store.read() as connection:
            course = courses.one(connection, request.path_params["number"], self._vocabulary)
            if course is None:
                raise HTTPException(404, "There is no such course.")
            context = {
                "moment": read_moment(connection),
                "notes": notes(connection, self._lag),
            }
        with self._store.write() as connection:
            reading.record(
                connection, request, f"course {course.id}", "records", len(course.records)
            )
        counted = [f for f in course.findings if f.level != "note"]
        marks = sorted({float(date.fromisoformat(f.day).toordinal()) for f in counted})
        return respond(
            request,
            "course.html",
            course=course,
            charts=measured.charts(course.records, marks),
            **context,
        )

    def health(self, request: Request) -> Response:
        """The health of the data."""
        with self._store.read() as connection:
            return respond(
                request,
                "health.html",
                moment=read_moment(connection),
                notes=notes(connection, self._lag),
                health=health(connection, self._lag),
                shown=reading.may_read(request),
                families=evidence.summaries(connection),
            )

    def _listed(self, filters: Filters) -> dict[str, object]:
        with self._store.read() as connection:
            moment = read_moment(connection)
            found = signals.listed(connection, filters)
            said = notes(connection, self._lag)
            counted = signals.counted(connection) if not found.total else None
        # a note can change while nothing is counted, just because it is not
        digest = hashlib.sha256(repr(said).encode()).hexdigest()[:6]
        pictures = {
            signal.row.id: picture.small(signal.points, f"{signal.row.product}, {signal.row.event}")
            for signal in found.signals
        }
        return {
            "id": f"{moment}.{digest}",
            "moment": moment,
            "now": time.time(),
            "notes": said,
            "filters": filters,
            "page": found,
            "pictures": pictures,
            "rules": self._rules,
            "counted": counted,
        }

    def _look(self) -> object:
        with self._store.read() as connection:
            # the ends of a log may be on another machine
            if (now := time.monotonic()) > self._noted_at + NOTING:
                self._noted, self._noted_at = notes(connection, self._lag), now
            return read_moment(connection), tuple(self._noted)

    def _render(self, view: Hashable) -> Rendered:
        if isinstance(view, OfSignal):
            return self.decisions.render(view)
        if isinstance(view, OfPerson):
            return self.inbox.render(view)
        assert isinstance(view, Filters)
        context = self._listed(view) | {"oob": True}
        pages = environment()
        return Rendered(
            str(context["id"]),
            tuple(
                (name, pages.get_template(f"live/{name}.html").render(context))
                for name in ("signals", "raised", "moment")
            ),
        )
