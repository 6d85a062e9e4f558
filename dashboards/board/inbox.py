"""The inbox: the signals that need a person, ranked, with what is new to the one who looks."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboards.access import viewer
from dashboards.board import inbox_csv
from dashboards.board.fragile import Fragile, said
from dashboards.board.moment import Moment, Note, notes, read_moment
from dashboards.board.news import News, Rendered
from dashboards.board.pages import environment, respond
from dashboards.board.ranking import Ranked, Ranking
from dashboards.board.seen import Since, since
from dashboards.drift import Drifting
from dashboards.facets import FACETS
from dashboards.lag import Lag
from dashboards.language import _, mark
from streams.store.store import Store

PAGE = 50
KEPT = 60.0  # seconds that an order holds while nothing moves: newness goes by the clock
_FIELDS = (
    "kind",
    "dataset",
    "product",
    "group",
    *FACETS,
    "rule",
    "seriousness",
    "state",
    "owner",
)
NOBODY = "nobody"
READING = mark(
    "The cases are being read, as always after a start: filters by route, setting, phase, "
    "indication and region come with the next look."
)


@dataclass(frozen=True, slots=True)
class Filters:
    """What part of the inbox is asked for, as it stands in the address."""

    kind: str = ""
    dataset: str = ""
    product: str = ""
    group: str = ""
    route: str = ""
    setting: str = ""
    phase: str = ""
    indication: str = ""
    region: str = ""
    rule: str = ""
    seriousness: str = ""
    state: str = ""
    owner: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filters:
        """From the parameters of an address; what makes no sense is left out.

        >>> Filters.of({"group": "urinary", "page": "x"}).query()
        'group=urinary'
        """
        page = query.get("page", "")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1
        given = {name: query.get(name, "")[:300] for name in _FIELDS}
        return cls(page=max(1, number), **given)

    def query(self, **changes: Any) -> str:
        """The same as the query of an address."""
        named = replace(self, **changes)
        given = {name: getattr(named, name) for name in _FIELDS if getattr(named, name)}
        return urlencode(given | ({"page": named.page} if named.page > 1 else {}))

    def named(self) -> dict[str, str]:
        """Those that are set."""
        return {name: value for name in _FIELDS if (value := getattr(self, name))}

    def of_cases(self) -> dict[str, str]:
        """Those that are set and ask for what cases say."""
        return {name: value for name, value in self.named().items() if name in FACETS}

    def fit(self, one: Ranked) -> bool:
        """Whether a signal is asked for."""
        values = choices_of(one)
        return all(getattr(self, name) in values[name] for name in _FIELDS if getattr(self, name))


def choices_of(one: Ranked) -> dict[str, tuple[str, ...]]:
    """By which value of each filter a signal is found."""
    row = one.row
    return {
        "kind": (row.kind,),
        "dataset": (row.dataset,),
        "product": (row.product,),
        "group": one.groups,
        "rule": one.held,
        "seriousness": (one.level,),
        "state": (row.state,),
        "owner": (row.owner or NOBODY,),
        **one.facets,
    }


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its place in the whole order, and what is new to the one who looks (None: all).

    `fragile`: how few reports it hangs on, in words; empty where that is not defined.
    """

    place: int
    signal: Ranked
    since: Since | None
    fragile: str


@dataclass(frozen=True, slots=True)
class Page:
    """Part of the inbox, how many there are in all, and what can be asked for."""

    lines: tuple[Line, ...]
    total: int
    of_all: int
    choices: Mapping[str, tuple[str, ...]]

    def pages(self) -> int:
        """How many parts the inbox has."""
        return max(1, -(-self.total // PAGE))


@dataclass(frozen=True, slots=True)
class OfPerson:
    """The view of one person, for news."""

    user: str
    filters: Filters


class Inbox:
    """The routes of the inbox."""

    def __init__(
        self,
        store: Store,
        ranking: Ranking,
        news: News,
        lag: Lag,
        *,
        rules: Mapping[str, Any],
        fragile: Fragile,
        drifting: Drifting,
    ) -> None:
        self._store, self._ranking, self._news = store, ranking, news
        self._fragile, self._drifting = fragile, drifting
        self._lag, self._rules = lag, rules
        self._lock = threading.Lock()
        self._order: tuple[Moment, float, list[Ranked]] | None = None

    def routes(self) -> list[Route]:
        """The routes `/`, `/inbox.csv` and `/inbox/events`."""
        return [
            Route("/", self.show),
            Route("/inbox.csv", self.export),
            Route("/inbox/events", self.events),
        ]

    def show(self, request: Request) -> Response:
        """The inbox."""
        filters = Filters.of(request.query_params)
        context = self._context(OfPerson(_name(request), filters))
        rest = urlencode({"since": context["id"]})
        events = "/inbox/events?" + "&".join(filter(None, (filters.query(), rest)))
        return respond(request, "inbox.html", events=events, **context)

    def export(self, request: Request) -> Response:
        """Every signal that fits the filters, which stand at its head."""
        view = OfPerson(_name(request), Filters.of(request.query_params))
        with self._store.read() as connection:
            ranked, moment = self._ranked(connection, view.filters), read_moment(connection)
        placed = [(place, one) for place, one in enumerate(ranked, 1) if view.filters.fit(one)]
        text = inbox_csv.as_csv(placed, len(ranked), moment, view.filters.named())
        headers = {"content-disposition": f'attachment; filename="inbox-at-{moment}.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    async def events(self, request: Request) -> Response:
        """News of the inbox, for as long as the page is open."""
        return self._news.answer(
            request, OfPerson(_name(request), Filters.of(request.query_params))
        )

    def render(self, view: OfPerson) -> Rendered:
        """The news of one person."""
        context = self._context(view) | {"oob": True}
        pages = environment()
        return Rendered(
            str(context["id"]),
            tuple(
                (name, pages.get_template(f"live/{name}.html").render(context))
                for name in ("inbox", "waiting", "moment")
            ),
        )

    def page(self, connection: Connection, view: OfPerson) -> Page:
        """What a person sees."""
        ranked = self._ranked(connection, view.filters)
        filters = view.filters
        placed = [(place, one) for place, one in enumerate(ranked, 1) if filters.fit(one)]
        shown = placed[(filters.page - 1) * PAGE : filters.page * PAGE]
        looks = since(connection, view.user, ((one.row.id, one.n) for _, one in shown))
        hangs = self._fragility(connection, [one.row for _, one in shown])
        found: dict[str, set[str]] = {name: set() for name in _FIELDS}
        for one in ranked:
            for name, values in choices_of(one).items():
                found[name].update(values)
        return Page(
            tuple(
                Line(place, one, looks.get(one.row.id), hangs[one.row.id]) for place, one in shown
            ),
            len(placed),
            len(ranked),
            {name: tuple(sorted(values)) for name, values in found.items()},
        )

    def _fragility(self, connection: Connection, rows: Sequence[Any]) -> dict[int, str]:
        """Of each signal, on how few cases it hangs; a closed look does not hang on any."""
        pairs = {row.id: (row.dataset, row.product, row.event) for row in rows}
        screened = [pairs[row.id] for row in rows if row.kind == "screening"]
        fewest = self._fragile.of(connection, screened)
        out = dict.fromkeys(pairs, "")
        for row in rows:
            pair = pairs[row.id]
            if row.kind == "screening" and fewest.get(pair) != 0 and pair in fewest:
                out[row.id] = said(fewest[pair])
            elif row.kind == "case_review" and (n := self._ranking.books.seriousness.behind(pair)):
                out[row.id] = said(n)
        return out

    def _ranked(self, connection: Connection, filters: Filters) -> list[Ranked]:
        """The order as of this snapshot, the same for everybody: made once a moment.

        Just after the start the inbox waits for what the cases say only where somebody asks for it.
        """
        moment, now = read_moment(connection), time.time()
        if not self._ranking.books.filled:
            return self._ranking.ranked(connection, now, facets=bool(filters.of_cases()))
        with self._lock:
            if self._order and self._order[0] == moment and self._order[1] > now - KEPT:
                return self._order[2]
        ranked = self._ranking.ranked(connection, now)
        with self._lock:
            self._order = (moment, now, ranked)
        return ranked

    def _context(self, view: OfPerson) -> dict[str, Any]:
        with self._store.read() as connection:
            moment = read_moment(connection)
            page = self.page(connection, view)
            said = notes(connection, self._lag)
            if not self._ranking.books.filled and not view.filters.of_cases():
                said.append(Note(_(READING)))
            touched = self._drifting.touched(connection)
        digest = hashlib.sha256(repr(said).encode()).hexdigest()[:6]
        return {
            "id": f"{moment}.{digest}",
            "moment": moment,
            "now": time.time(),
            "today": datetime.now(UTC).date().isoformat(),
            "notes": said,
            "filters": view.filters,
            "page": page,
            "rules": self._rules,
            "touched": touched,
        }


def _name(request: Request) -> str:
    who = viewer(request)
    return who.name if who else ""
