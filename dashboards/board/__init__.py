"""The safety officer's board: signals, one signal, the data's health; rendered here, live by SSE.

It reads the store and the ends of the log, and writes what people do.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Hashable
from datetime import date
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dashboards.board import (
    accounts,
    assets,
    case_page,
    cohort,
    cohort_event,
    courses,
    evidence,
    measured,
    picture,
    reading,
    signals,
    trail,
)
from dashboards.board.beside import RULE
from dashboards.board.decisions import Decisions, OfSignal
from dashboards.board.fragile import Fragile
from dashboards.board.health_page import HealthPage, Send
from dashboards.board.inbox import Inbox, OfPerson
from dashboards.board.moment import Note, notes, read_moment
from dashboards.board.news import News, Rendered
from dashboards.board.pages import environment, http_error, respond
from dashboards.board.ranking import Ranking
from dashboards.board.returning import Returning
from dashboards.board.self_test import SelfTestPage
from dashboards.board.signal_page import SignalPage
from dashboards.board.signals import Filters
from dashboards.board.silence import SilencePage
from dashboards.board.silent import Watched
from dashboards.books import Books
from dashboards.drift import Drifting
from dashboards.lag import Lag
from dashboards.language import mark
from dashboards.self_test import SelfTest
from detectors import case_review, families
from detectors.disproportionality import METHODS
from detectors.followup import looks
from detectors.rules import Rule, read
from schemas.vocabulary import Listed, Vocabulary, Watchlist
from streams.log import open_log
from streams.log.base import Log
from streams.settings import Settings
from streams.store.store import Store

__all__ = ["environment", "http_error", "respond", "routes"]

NOTING = 2.0  # seconds between looks at what waits, while somebody listens


def routes(
    store: Store,
    settings: Settings,
    log: Log | None = None,
    returning: Returning | None = None,
    *,
    test: SelfTest | None = None,
    books: Books,
    send: Send | None = None,
) -> list[BaseRoute]:
    """The pages `/`, `/signals`, `/signals/{number}`, `/decisions`, `/trail`, `/accounts`,
    `/cohort`, `/cohort/{event}`, `/cases/{number}` and its narrative, `/courses`,
    `/courses/{number}`, `/health`, `/self-test`, the events that keep some live, what people do,
    and `/static`.

    `log` is read only; without one the log of the settings is opened. `returning` says how much
    evidence a signal has, `test` keeps the self-test, `books` what is kept of all cases;
    `send` puts records of the quarantine into the log again.
    """
    returning = returning or Returning(store, books.seriousness)
    test = test or SelfTest(store, settings)
    log = log or open_log(settings.broker)
    board = _Board(store, settings, log, returning=returning, test=test, books=books, send=send)
    return [
        *board.inbox.routes(),
        Route("/signals", board.signals),
        *board.decisions.routes(),
        Route("/events", board.events),
        *board.signal_page.routes(),
        *board.silence.routes(),
        Route("/cohort", board.cohort),
        Route("/cohort/{event:path}", board.cohort_event),
        *case_page.routes(store),
        Route("/courses", board.courses),
        Route("/courses/{number:int}", board.course),
        *board.health.routes(),
        *board.self_test.routes(),
        *trail.routes(store),
        *accounts.routes(store),
        assets.mount(),
    ]


class _Board:
    def __init__(
        self,
        store: Store,
        settings: Settings,
        log: Log,
        *,
        returning: Returning,
        test: SelfTest,
        books: Books,
        send: Send | None,
    ) -> None:
        self._store = store
        self._lag = Lag(log, settings.partitions())
        text = settings.rules.read_text(encoding="utf-8") if settings.rules else None
        self._vocabulary = Vocabulary.load(settings.vocabulary)
        screening = read(text)
        self._rules: dict[str, Rule | case_review.Rule] = {r.name: r for r in screening}
        named = [*case_review.RULES, case_review.URGENT, evidence.RULE]
        named += [*looks.RULES, *looks.MAXSPRT]
        self._rules |= {rule.name: rule for rule in named}
        watchlist = Watchlist.load(settings.watchlist, self._vocabulary)
        self._watched = watchlist.products
        self._fragile = Fragile(screening)
        self._drifting = Drifting(self._vocabulary, watchlist)
        labels = Listed.load(settings.listed, self._vocabulary)
        # a prior belongs to a checkpoint, so that what rests on one cannot be dated by the data
        fitted = {name for method in METHODS if method.whole_table for name in method.columns}
        undated = {rule.name for rule in screening if rule.columns & fitted}
        self.silence = SilencePage(
            store,
            self._lag,
            standing=books.standing,
            rules=screening,
            fragile=self._fragile,
            watched=Watched(tuple(sorted(self._watched)), families.read().events),
        )
        self.signal_page = SignalPage(
            store,
            self._lag,
            rules=self._rules,
            undated=undated,
            labels=labels,
            vocabulary=self._vocabulary,
            standing=books.standing,
            fragile=self._fragile,
            signed=settings.signed,
            drifting=self._drifting,
        )
        self._news = News(self._look, self._render)
        self.decisions = Decisions(
            store,
            settings,
            self._news,
            returning=returning,
            page=self.signal_page.page,
            vocabulary=self._vocabulary,
        )
        ranking = Ranking(self._vocabulary, labels, self._watched, books)
        self.inbox = Inbox(
            store,
            ranking,
            self._news,
            self._lag,
            rules=self._rules,
            fragile=self._fragile,
            drifting=self._drifting,
        )
        self.health = HealthPage(store, self._lag, self._drifting, send)
        self.self_test = SelfTestPage(store, self._lag, test, settings.canary_seconds)
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
        return self._news.answer(request, Filters.of(request.query_params))

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
                raise HTTPException(404, mark("The cohort counts no such event."))
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
                raise HTTPException(404, mark("There is no such course."))
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
            dated=measured.marked(course.records),
            **context,
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
