"""The page of the audit trail: who did what, when and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection, select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboards.board.moment import read_moment
from dashboards.board.pages import respond
from dashboards.language import _
from streams.store import heads, tables, trail
from streams.store.store import Store

PAGE = 100
_FIELDS = ("who", "what", "subject", "since", "until")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Filters:
    """What part of the trail is asked for, as it stands in the address; days in UTC."""

    who: str = ""
    what: str = ""
    subject: str = ""
    since: str = ""
    until: str = ""
    before: int = 0

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filters:
        """From the parameters of an address; what makes no sense is left out.

        >>> Filters.of({"who": "Ann", "since": "2026-07-01", "until": "soon", "before": "x"})
        Filters(who='Ann', what='', subject='', since='2026-07-01', until='', before=0)
        """
        given = {name: query.get(name, "").strip()[:300] for name in _FIELDS}
        for name in ("since", "until"):
            if _day(given[name]) is None:
                given[name] = ""
        before = query.get("before", "")
        number = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else 0
        return cls(**given, before=number)

    def query(self, **changes: Any) -> str:
        """The same as the query of an address.

        >>> Filters(who="Ann", before=7).query(before=3)
        'who=Ann&before=3'
        """
        named = replace(self, **changes)
        given = {name: getattr(named, name) for name in _FIELDS if getattr(named, name)}
        return urlencode(given | ({"before": named.before} if named.before else {}))


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `changes`: of each value that is said, its name, what it was, and what it is."""

    row: Any
    at: float
    link: str
    changes: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the trail, the newest first, and the number that the next part begins before."""

    entries: tuple[Entry, ...]
    next: int | None
    head: tuple[int, str]
    choices: Mapping[str, tuple[str, ...]]


def listed(connection: Connection, filters: Filters) -> Page:
    """The entries asked for."""
    table = tables.trail
    where = [
        table.c[name] == getattr(filters, name)
        for name in ("who", "what", "subject")
        if getattr(filters, name)
    ]
    if (since := _day(filters.since)) is not None:
        where.append(table.c.at >= _microseconds(since))
    if (until := _day(filters.until)) is not None:
        where.append(table.c.at < _microseconds(until + _DAY))
    if filters.before:
        where.append(table.c.seq < filters.before)
    query = select(table).where(*where).order_by(table.c.seq.desc()).limit(PAGE + 1)
    rows = connection.execute(query).all()
    entries = tuple(map(_entry, rows[:PAGE]))
    return Page(
        entries,
        entries[-1].row.seq if len(rows) > PAGE else None,
        trail.head(connection),
        {
            name: tuple(
                connection.scalars(select(table.c[name]).distinct().order_by(table.c[name]))
            )
            for name in ("who", "what")
        },
    )


def routes(store: Store) -> list[Route]:
    """The routes `/trail`, and `/trail/heads.ndjson` for its signed heads."""

    def show(request: Request) -> Response:
        filters = Filters.of(request.query_params)
        with store.read() as connection:
            page, moment = listed(connection, filters), read_moment(connection)
            signed = heads.stored(connection)[-1:]
        context = {"filters": filters, "page": page, "moment": moment, "signed": signed}
        return respond(request, "trail.html", **context)

    def signed(request: Request) -> Response:
        with store.read() as connection:
            text = "".join(f"{head.to_json()}\n" for head in heads.stored(connection))
        given = {"content-disposition": 'attachment; filename="trail-heads.ndjson"'}
        return Response(text, media_type="application/x-ndjson", headers=given)

    return [Route("/trail", show), Route("/trail/heads.ndjson", signed)]


def _entry(row: Any) -> Entry:
    before = json.loads(row.before) if row.before else {}
    after = json.loads(row.after) if row.after else {}
    kind, __, number = row.subject.partition(" ")
    link = f"/{kind}s/{number}" if kind in ("signal", "course") and number.isdigit() else ""
    changes = tuple(
        (name, _said(before.get(name)), _said(after.get(name)))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    )
    return Entry(row, row.at / 1e6, link, changes)


def _said(value: Any) -> str:
    """
    >>> _said(None), _said(True), _said(["ic025"]), _said("under_validation")
    ('', 'yes', 'ic025', 'under validation')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    return _(str(value).replace("_", " "))


def _day(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _microseconds(day: datetime) -> int:
    return int(day.timestamp()) * 1_000_000
